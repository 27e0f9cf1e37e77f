"""Runs the Trainer: reads Examples through the transform graph, fits, exports."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from components.provenance.names import FIT_SECONDS, TRAINING_CURVE
from components.provenance.recording import describe
from components.serving import extras
from components.serving.indexes.choice import choose
from components.serving.indexes.options import SCANN, IndexOptions
from components.serving.indexes.scann_ops import load_ops
from components.trainer import index, training
from components.trainer.checkpoints import checkpoint_folder, discard
from components.trainer.distribution import is_chief, strategy_of
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.inputs import TrainingInputs

_TRAINING_CURVE_FILE = "training_curve.json"


class Executor(base_executor.BaseExecutor):
    """Executor of `components.trainer.component.RetrievalTrainer`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the SavedModel; into the model run, TensorBoard logs and the training curve.

        Of several workers only the chief writes.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        model_run = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.MODEL_RUN_KEY]
        )
        options = IndexOptions.from_json(exec_properties["index"])
        if options.kind == SCANN:
            load_ops()  # what is missing is told before a long training
        hyperparameters = _hyperparameters(input_dict, exec_properties)
        # Workers have to find each other before anything else of TensorFlow is used.
        strategy = strategy_of(hyperparameters.distribution)
        inputs = TrainingInputs.read(input_dict)
        data = inputs.data
        checkpoints = None
        if exec_properties.get("checkpoints"):
            checkpoints = checkpoint_folder(
                exec_properties["checkpoints"],
                hyperparameters.to_json(),
                exec_properties["code_version"],
                *(artifacts[0].uri for _, artifacts in sorted(input_dict.items()) if artifacts),
            )
        if not is_chief(strategy):
            with tempfile.TemporaryDirectory() as folder:
                inputs.train(hyperparameters, folder, checkpoints)
            return
        fitted = inputs.train(hyperparameters, model_run.uri, checkpoints)
        scorer = index.build_scorer(
            fitted, data.events.queries, hyperparameters, data.definition.context_features()
        )
        choice = choose(scorer, lambda: index.sample_requests(scorer, data), options)
        seen_table = bool(exec_properties["seen_table"])
        signatures = data.save_model(choice.index, model, seen_table)
        accuracy = training.valid_accuracy(fitted.history, hyperparameters)
        extras.write(
            path_utils.serving_model_dir(model.uri),
            signatures,
            data,
            {training.VALID_METRIC: accuracy},
            {**choice.described(), "asked": options.kind, "min_recall": options.min_recall},
            seen_table,
            exec_properties["preset"],
        )

        with fileio.open(os.path.join(model_run.uri, _TRAINING_CURVE_FILE), "w") as stream:
            stream.write(json.dumps(fitted.history, indent=1))
        model_run.set_string_custom_property(TRAINING_CURVE, json.dumps(fitted.history))
        model_run.set_float_custom_property(FIT_SECONDS, fitted.seconds)
        model.set_int_custom_property("epochs", len(fitted.history[training.VALID_METRIC]))
        model.set_int_custom_property("queries", data.events.queries)
        model.set_int_custom_property("candidates", len(data.candidates))
        model.set_string_custom_property(training.VALID_METRIC, f"{accuracy:.6f}")
        model.set_string_custom_property("index", json.dumps(choice.described()))
        model.set_string_custom_property("hyperparameters", hyperparameters.to_json())
        describe(artifact for artifacts in output_dict.values() for artifact in artifacts)
        if checkpoints:
            discard(checkpoints)


def _hyperparameters(
    input_dict: dict[str, list[Any]], exec_properties: dict[str, Any]
) -> Hyperparameters:
    """What is given, with the values that a Tuner found in its place, if there was one."""
    given = Hyperparameters.from_json(exec_properties["hyperparameters"])
    found = input_dict.get(standard_component_specs.BEST_HYPERPARAMETERS_KEY)
    if not found:
        return given
    file = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(found))
    return dataclasses.replace(given, **json.loads(io_utils.read_string_file(file))["values"])
