"""Transform as a TFX component."""

from __future__ import annotations

import json

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.examples.artifacts import CANDIDATES, CANDIDATES_SPLIT
from components.transform import executor

PREPROCESSING_FN = "components.transform.preprocessing.preprocessing_fn"


class RetrievalTransformSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `RetrievalTransform`."""

    PARAMETERS = {
        standard_component_specs.PREPROCESSING_FN_KEY: component_spec.ExecutionParameter(type=str),
        standard_component_specs.SPLITS_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        standard_component_specs.DISABLE_STATISTICS_KEY: component_spec.ExecutionParameter(
            type=int
        ),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        standard_component_specs.SCHEMA_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Schema
        ),
    }
    OUTPUTS = {
        standard_component_specs.TRANSFORM_GRAPH_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.TransformGraph
        ),
    }


class RetrievalTransform(base_beam_component.BaseBeamComponent):
    """Builds the transform graph from interactions and catalogue.

    Nothing is materialised: the graph itself turns raw batches into features wherever they are
    needed, which is faster here than reading transformed copies, and cannot skew.

    Args:
        examples: Interactions; their train split is analysed.
        candidates: The catalogue.
        schema: Schema of the interactions, which has the columns of both.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = RetrievalTransformSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        schema: types.BaseChannel,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=RetrievalTransformSpec(
                examples=examples,
                candidates=candidates,
                schema=schema,
                preprocessing_fn=PREPROCESSING_FN,
                splits_config=json.dumps({"analyze": [CANDIDATES_SPLIT]}),
                disable_statistics=1,
                code_version=code_version,
                transform_graph=types.Channel(type=standard_artifacts.TransformGraph),
            )
        )
