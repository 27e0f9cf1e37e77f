"""Runs the Evaluator: TFMA over the eval split, then the gate."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import tensorflow_model_analysis as tfma
from absl import logging
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils
from tfx_bsl.tfxio import parquet_tfxio

from components.evaluator import gate, metrics
from components.evaluator.extractors import rank_extractors
from components.examples.columns import SEEN_CANDIDATES
from components.trainer import export
from components.transform import preprocessing

CANDIDATE_MODEL = "candidate"
BASELINE_MODEL = "baseline"
EVAL_SPLIT = "eval"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `components.evaluator.component.RetrievalEvaluator`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes TFMA's results and the blessing with its reasons."""
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        baselines = input_dict.get(standard_component_specs.BASELINE_MODEL_KEY) or []
        evaluation = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EVALUATION_KEY]
        )
        models = {CANDIDATE_MODEL: model}
        if baselines:
            models[BASELINE_MODEL] = artifact_utils.get_single_instance(baselines)
        self._evaluate(input_dict[standard_component_specs.EXAMPLES_KEY], models, evaluation.uri)
        measured = {
            name: read_metrics(evaluation.uri, "" if len(models) == 1 else name) for name in models
        }
        evaluation.set_string_custom_property("metrics", json.dumps(measured[CANDIDATE_MODEL]))
        reasons = gate.check_model(
            measured[CANDIDATE_MODEL],
            measured.get(BASELINE_MODEL),
            gate.GateBounds.from_json(exec_properties["gate"]),
        )
        _write_blessing(
            artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY]),
            models,
            reasons,
        )

    def _evaluate(self, examples: list[Any], models: dict[str, Any], output_uri: str) -> None:
        eval_config = tfma.EvalConfig(
            model_specs=[
                tfma.ModelSpec(
                    name=name,
                    # Named, because TFMA would load each model as a Keras model to find out.
                    model_type=tfma.TF_GENERIC,
                    signature_name=export.EVALUATION_SIGNATURE,
                    is_baseline=name == BASELINE_MODEL,
                )
                for name in models
            ],
            slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=metrics.metrics_specs(list(models)),
        )
        shared_models = [
            tfma.default_eval_shared_model(
                path_utils.serving_model_path(artifact.uri),
                model_name=name,
                eval_config=eval_config,
                tags=["serve"],
            )
            for name, artifact in models.items()
        ]
        definition = preprocessing.DEFINITION
        columns = [definition.query_id, definition.candidate_key, SEEN_CANDIDATES]
        rows = parquet_tfxio.ParquetTFXIO(
            io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, EVAL_SPLIT)),
            column_names=columns,
            telemetry_descriptors=["Evaluator"],
        )
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                # Whole row groups: a part of one would be pickled with all of its buffers.
                | "ReadExamples" >> rows.BeamSource()
                | "Evaluate"
                >> tfma.ExtractEvaluateAndWriteResults(
                    eval_config=eval_config,
                    eval_shared_model=shared_models,
                    extractors=rank_extractors(eval_config, shared_models, columns),
                    output_path=output_uri,
                )
            )


def read_metrics(evaluation_uri: str, model_name: str) -> dict[str, float]:
    """A model's metrics of the overall slice, as TFMA wrote them."""
    result = tfma.load_eval_result(evaluation_uri, model_name=model_name or None)
    values = result.get_metrics_for_slice()
    return {name: _number(value) for name, value in values.items()}


def _number(value: dict[str, Any]) -> float:
    # A mean comes with its interval, a count does not.
    return float(
        value["boundedValue"]["value"] if "boundedValue" in value else value["doubleValue"]
    )


def _write_blessing(blessing: Any, models: dict[str, Any], reasons: list[gate.Reason]) -> None:
    """Writes what TFX's Evaluator writes, and the reasons beside it."""
    blessed = all(reason.passed for reason in reasons)
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE,
    )
    blessing.set_string_custom_property(
        "reasons", json.dumps([dataclasses.asdict(reason) for reason in reasons])
    )
    keys = {
        CANDIDATE_MODEL: (
            constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY,
            constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY,
        ),
        BASELINE_MODEL: (
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY,
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY,
        ),
    }
    for model_name, model in models.items():
        uri_key, id_key = keys[model_name]
        blessing.set_string_custom_property(uri_key, model.uri)
        blessing.set_int_custom_property(id_key, model.id)
    for reason in reasons:
        logging.info("%s: %s", "passed" if reason.passed else "FAILED", reason.sentence)
