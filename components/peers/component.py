"""A peer as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.examples.artifacts import CANDIDATES
from components.peers import executor


class PeerSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `Peer`."""

    PARAMETERS = {
        "peer": component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        standard_component_specs.TRANSFORM_GRAPH_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.TransformGraph
        ),
    }
    OUTPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
    }


class Peer(base_component.BaseComponent):
    """Trains a simple recommender on the train split, to compare with.

    Args:
        peer: One of `components.peers.names.PEERS`.
        examples: Interactions; only the train split is read.
        candidates: The catalogue.
        transform_graph: The transform graph.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = PeerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        peer: str,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        transform_graph: types.BaseChannel,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=PeerSpec(
                peer=peer,
                examples=examples,
                candidates=candidates,
                transform_graph=transform_graph,
                code_version=code_version,
                model=types.Channel(type=standard_artifacts.Model),
            )
        )
