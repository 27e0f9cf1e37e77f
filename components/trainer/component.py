"""Trainer as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.examples.artifacts import CANDIDATES
from components.serving.indexes.options import IndexOptions
from components.trainer import executor
from components.trainer.hyperparameters import Hyperparameters


class RetrievalTrainerSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `RetrievalTrainer`."""

    PARAMETERS = {
        "hyperparameters": component_spec.ExecutionParameter(type=str),
        "preset": component_spec.ExecutionParameter(type=str),
        "index": component_spec.ExecutionParameter(type=str),
        "seen_table": component_spec.ExecutionParameter(type=int),
        "checkpoints": component_spec.ExecutionParameter(type=str, optional=True),
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
        standard_component_specs.BEST_HYPERPARAMETERS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters, optional=True
        ),
    }
    OUTPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
        standard_component_specs.MODEL_RUN_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelRun
        ),
    }


class RetrievalTrainer(base_component.BaseComponent):
    """Trains the two-tower model and exports its index.

    Args:
        examples: Interactions; learns from the train split and stops by the valid split.
        candidates: The catalogue, an input of its own so that lineage shows it.
        transform_graph: The transform graph.
        hyperparameters: Of model and training.
        preset: Name of the preset that they come from, for the manifest of the model.
        index: What the index of the model has to be.
        seen_table: Whether the model is to know the events and features of its queries.
        checkpoints: Folder where a training that is killed leaves what the next one goes on from;
            None for no checkpoints.
        best_hyperparameters: Values that a Tuner found, which replace those of `hyperparameters`.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = RetrievalTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        transform_graph: types.BaseChannel,
        hyperparameters: Hyperparameters,
        preset: str,
        index: IndexOptions,
        seen_table: bool,
        checkpoints: str | None,
        best_hyperparameters: types.BaseChannel | None,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=RetrievalTrainerSpec(
                examples=examples,
                candidates=candidates,
                transform_graph=transform_graph,
                hyperparameters=hyperparameters.to_json(),
                preset=preset,
                index=index.to_json(),
                seen_table=int(seen_table),
                checkpoints=checkpoints,
                best_hyperparameters=best_hyperparameters,
                code_version=code_version,
                model=types.Channel(type=standard_artifacts.Model),
                model_run=types.Channel(type=standard_artifacts.ModelRun),
            )
        )
