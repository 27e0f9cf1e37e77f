"""Tuner as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.examples.artifacts import CANDIDATES
from components.trainer.hyperparameters import Hyperparameters
from components.tuner import executor


class RetrievalTunerSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `RetrievalTuner`."""

    PARAMETERS = {
        "hyperparameters": component_spec.ExecutionParameter(type=str),
        "trials": component_spec.ExecutionParameter(type=int),
        "seed": component_spec.ExecutionParameter(type=int),
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
        standard_component_specs.BEST_HYPERPARAMETERS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters
        ),
        standard_component_specs.TUNER_RESULTS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.TunerResults
        ),
    }


class RetrievalTuner(base_component.BaseComponent):
    """Searches for better hyperparameters of the two-tower model.

    Args:
        examples: Interactions; trials learn from the train split and are judged by the valid split.
        candidates: The catalogue, an input of its own so that lineage shows it.
        transform_graph: The transform graph.
        hyperparameters: Of the first trial; the others change some of them.
        trials: Number of trials.
        seed: Of the search, at least 1.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = RetrievalTunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        candidates: types.BaseChannel,
        transform_graph: types.BaseChannel,
        hyperparameters: Hyperparameters,
        trials: int,
        seed: int,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=RetrievalTunerSpec(
                examples=examples,
                candidates=candidates,
                transform_graph=transform_graph,
                hyperparameters=hyperparameters.to_json(),
                trials=trials,
                seed=seed,
                code_version=code_version,
                best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
                tuner_results=types.Channel(type=standard_artifacts.TunerResults),
            )
        )
