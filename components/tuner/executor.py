"""Runs the Tuner: searches, and writes what it found as TFX's own Tuner does."""

from __future__ import annotations

import json
from typing import Any

from tfx.components.tuner.executor import write_best_hyperparameters
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs

from components.provenance.recording import recorded
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.inputs import TrainingInputs
from components.tuner import search


class Executor(base_executor.BaseExecutor):
    """Executor of `components.tuner.component.RetrievalTuner`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes best_hyperparameters.txt and tuner_results.json; marks the latter's artifact.

        Its custom properties are the number of `trials`, the best valid metric as `accuracy`, that
        of the first trial as `accuracy_as_given`, and `changed`: by name, the given and the best
        value of each hyperparameter where they differ, as JSON.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        tuner = search.search(
            TrainingInputs.read(input_dict),
            Hyperparameters.from_json(exec_properties["hyperparameters"]),
            exec_properties["trials"],
            exec_properties["seed"],
            self._get_tmp_dir(),
        )
        write_best_hyperparameters(tuner, output_dict)

        trials = tuner.oracle.trials
        first = trials[tuner.oracle.start_order[0]]
        best = tuner.oracle.get_best_trials()[0]
        changed = {
            name: (given, best.hyperparameters.get(name))
            for name, given in first.hyperparameters.values.items()
            if best.hyperparameters.get(name) != given
        }
        results = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.TUNER_RESULTS_KEY]
        )
        results.set_int_custom_property("trials", len(trials))
        results.set_float_custom_property("accuracy", best.score)
        results.set_float_custom_property("accuracy_as_given", first.score)
        results.set_string_custom_property("changed", json.dumps(changed))
