"""Runs the Trainer: reads Examples through the transform graph, fits, exports."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from components.serving.train_data import TrainData
from components.trainer import index, training
from components.trainer.hyperparameters import Hyperparameters
from components.transform import preprocessing, reading

TRAINING_CURVE = "training_curve.json"


class Executor(base_executor.BaseExecutor):
    """Executor of `components.trainer.component.RetrievalTrainer`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the SavedModel; into the model run, TensorBoard logs and the training curve."""
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        model_run = artifact_utils.get_single_uri(
            output_dict[standard_component_specs.MODEL_RUN_KEY]
        )
        data = TrainData.read(input_dict, with_history=True)
        valid_split = reading.load_interactions(
            data.examples.uri,
            "valid",
            data.transform_graph,
            data.definition,
            data.candidates,
            with_history=True,
        )
        hyperparameters = Hyperparameters.from_json(exec_properties["hyperparameters"])
        fitted = training.train(
            data.train_split,
            valid_split,
            data.candidates,
            data.events,
            preprocessing.query_feature_widths(),
            hyperparameters,
            model_run,
        )
        scorer = index.build_scorer(
            fitted, data.events.queries, hyperparameters, data.definition.context_features()
        )
        data.save_model(scorer, model)

        with fileio.open(os.path.join(model_run, TRAINING_CURVE), "w") as stream:
            stream.write(json.dumps(fitted.history, indent=1))
        valid = fitted.history[training.VALID_METRIC]
        model.set_int_custom_property("epochs", len(valid))
        model.set_int_custom_property("queries", data.events.queries)
        model.set_int_custom_property("candidates", len(data.candidates))
        model.set_string_custom_property(training.VALID_METRIC, f"{max(valid):.6f}")
