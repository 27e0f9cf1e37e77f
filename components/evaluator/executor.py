"""Runs the Evaluator: TFMA over the eval split, then the gate."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from absl import logging
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components.baseline.artifacts import has_model
from components.evaluator import gate
from components.evaluator.evaluation import evaluate
from components.examples.artifacts import CANDIDATES
from components.peers.names import PEER_EVALUATION, POPULARITY
from components.provenance.recording import recorded
from components.transform import preprocessing

CANDIDATE_MODEL = "candidate"
BASELINE_MODEL = "baseline"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `components.evaluator.component.RetrievalEvaluator`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes TFMA's results and the blessing with its reasons.

        Raises:
            GateError: The gate cannot be applied as it is configured.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        bounds = gate.GateBounds.from_json(exec_properties["gate"])
        slices = json.loads(exec_properties["slices"])
        gate.check_slice_names(bounds.slice_floors, slices)
        evaluation = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EVALUATION_KEY]
        )
        models = {
            name: artifact_utils.get_single_instance(input_dict[key])
            for name, key in (
                (CANDIDATE_MODEL, standard_component_specs.MODEL_KEY),
                (BASELINE_MODEL, standard_component_specs.BASELINE_MODEL_KEY),
            )
            if input_dict.get(key) and has_model(input_dict[key])
        }
        measured = evaluate(
            self._make_beam_pipeline(),
            artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY]),
            artifact_utils.get_single_instance(input_dict[CANDIDATES]),
            models,
            BASELINE_MODEL if BASELINE_MODEL in models else None,
            slices,
            preprocessing.DEFINITION,
            evaluation.uri,
        )
        model, baseline = measured[CANDIDATE_MODEL], measured.get(BASELINE_MODEL)
        model.describe(evaluation)
        peers = artifact_utils.get_single_instance(input_dict[PEER_EVALUATION])
        peer_metrics = json.loads(peers.get_string_custom_property("metrics"))
        evaluation.set_string_custom_property("peers", json.dumps(peer_metrics))
        if baseline:
            evaluation.set_string_custom_property("baseline", json.dumps(baseline.metrics))
            evaluation.set_string_custom_property(
                "baseline_intervals", json.dumps(baseline.intervals)
            )
        reasons = gate.check_model(model, baseline, peer_metrics[POPULARITY], bounds)
        _write_blessing(
            artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY]),
            models,
            reasons,
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
