"""Evaluator as a TFX component."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.evaluator import executor
from components.examples.artifacts import CANDIDATES
from components.peers.names import PEER_EVALUATION


class RetrievalEvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `RetrievalEvaluator`."""

    PARAMETERS = {
        "gate": component_spec.ExecutionParameter(type=str),
        "slices": component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
        PEER_EVALUATION: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        standard_component_specs.BASELINE_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {
        standard_component_specs.EVALUATION_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation
        ),
        standard_component_specs.BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
    }


class RetrievalEvaluator(base_beam_component.BaseBeamComponent):
    """Evaluates a retrieval model with TFMA, through the graph that serves, and gates it.

    Args:
        examples: Interactions; train is counted, eval is ranked.
        candidates: The catalogue.
        model: The candidate model.
        peer_evaluation: What the peers reach on the same rows.
        baseline_model: The latest blessed model, or no model at all.
        gate: Bounds that the candidate is held to, `components.evaluator.gate.GateBounds` as JSON.
        slices: What to slice by, some of `components.evaluator.slice_names.slice_names`.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = RetrievalEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        model: types.BaseChannel,
        peer_evaluation: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        gate: str | RuntimeParameter,
        slices: Sequence[str],
        code_version: str,
    ) -> None:
        super().__init__(
            spec=RetrievalEvaluatorSpec(
                examples=examples,
                candidates=candidates,
                model=model,
                peer_evaluation=peer_evaluation,
                baseline_model=baseline_model,
                gate=gate,
                slices=json.dumps(list(slices)),
                code_version=code_version,
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
