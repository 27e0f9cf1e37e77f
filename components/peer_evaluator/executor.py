"""Runs the PeerEvaluator: all peers in one pass over the eval split."""

from __future__ import annotations

import json
from typing import Any

from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_component_specs

from components.evaluator.evaluation import evaluate
from components.examples.artifacts import CANDIDATES
from components.peers.names import PEERS
from components.provenance.recording import recorded
from components.transform import preprocessing


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `components.peer_evaluator.component.PeerEvaluator`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes TFMA's results, and the metrics of each peer on the artifact."""
        self._log_startup(input_dict, output_dict, exec_properties)
        evaluation = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EVALUATION_KEY]
        )
        measured = evaluate(
            self._make_beam_pipeline(),
            artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY]),
            artifact_utils.get_single_instance(input_dict[CANDIDATES]),
            {peer: artifact_utils.get_single_instance(input_dict[peer]) for peer in PEERS},
            None,
            json.loads(exec_properties["slices"]),
            preprocessing.DEFINITION,
            evaluation.uri,
        )
        for attribute in ("metrics", "intervals", "slices"):
            values = {peer: getattr(found, attribute) for peer, found in measured.items()}
            evaluation.set_string_custom_property(attribute, json.dumps(values))
