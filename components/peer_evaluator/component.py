"""PeerEvaluator as a TFX component."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.examples.artifacts import CANDIDATES
from components.peer_evaluator import executor
from components.peers.names import PEERS


class PeerEvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `PeerEvaluator`."""

    PARAMETERS = {
        "slices": component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        **{peer: component_spec.ChannelParameter(type=standard_artifacts.Model) for peer in PEERS},
    }
    OUTPUTS = {
        standard_component_specs.EVALUATION_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation
        ),
    }


class PeerEvaluator(base_beam_component.BaseBeamComponent):
    """Evaluates the peers: a component of its own, so that a new model does not score them again.

    Args:
        examples: Interactions; train is counted, eval is ranked.
        candidates: The catalogue.
        peers: The model of each peer by its name.
        slices: What to slice by, some of `components.evaluator.slice_names.slice_names`.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = PeerEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        peers: Mapping[str, types.BaseChannel],
        slices: Sequence[str],
        code_version: str,
    ) -> None:
        super().__init__(
            spec=PeerEvaluatorSpec(
                examples=examples,
                candidates=candidates,
                **peers,
                slices=json.dumps(list(slices)),
                code_version=code_version,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            )
        )
