"""Runs the Trainer: reads Examples through the transform graph, fits, exports."""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow_transform as tft
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils

from components.examples.artifacts import CANDIDATES, CANDIDATES_SPLIT, INTERFACE, SPLIT
from components.serving import export
from components.serving.seen import SeenCandidates
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
        interactions = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.EXAMPLES_KEY]
        )
        examples = interactions.uri
        catalogue = artifact_utils.get_single_uri(input_dict[CANDIDATES])
        transform_graph = artifact_utils.get_single_uri(
            input_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        )
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        model_run = artifact_utils.get_single_uri(
            output_dict[standard_component_specs.MODEL_RUN_KEY]
        )
        hyperparameters = Hyperparameters.from_json(exec_properties["hyperparameters"])
        definition = preprocessing.DEFINITION

        queries = tft.TFTransformOutput(transform_graph).vocabulary_size_by_name(
            preprocessing.QUERY_VOCABULARY
        )
        candidates = reading.load_candidates(
            catalogue, CANDIDATES_SPLIT, transform_graph, definition
        )
        train_split = reading.load_interactions(examples, "train", transform_graph, definition)
        valid_split = reading.load_interactions(examples, "valid", transform_graph, definition)
        seen = SeenCandidates.in_train(train_split, queries, len(candidates))
        fitted = training.train(
            train_split, valid_split, candidates, seen, queries, hyperparameters, model_run
        )
        scorer = index.build_scorer(fitted, queries)
        folder = path_utils.serving_model_dir(model.uri)
        export.save(scorer, candidates, seen, transform_graph, definition, folder)

        with fileio.open(os.path.join(model_run, TRAINING_CURVE), "w") as stream:
            stream.write(json.dumps(fitted.history, indent=1))
        valid = fitted.history[training.VALID_METRIC]
        model.set_int_custom_property(INTERFACE, export.INTERFACE_VERSION)
        model.set_string_custom_property(SPLIT, interactions.get_string_custom_property(SPLIT))
        model.set_int_custom_property("epochs", len(valid))
        model.set_int_custom_property("queries", queries)
        model.set_int_custom_property("candidates", len(candidates))
        model.set_string_custom_property(training.VALID_METRIC, f"{max(valid):.6f}")
