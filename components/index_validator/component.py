"""IndexValidator as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.index_validator import executor


class IndexValidatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `IndexValidator`."""

    PARAMETERS = {
        "min_recall": component_spec.ExecutionParameter(type=float),
        "max_latency_ratio": component_spec.ExecutionParameter(type=float),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
    }
    OUTPUTS = {
        standard_component_specs.INFRA_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing
        ),
    }


class IndexValidator(base_component.BaseComponent):
    """Blesses a model that a process with plain TensorFlow can serve.

    In place of TFX's InfraValidator, which needs a container of a server.

    Args:
        model: The model.
        min_recall: Least share of the exact lists that lists of an approximate index have.
        max_latency_ratio: Longest that such a list may take, as a multiple of an exact one.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = IndexValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        min_recall: float,
        max_latency_ratio: float,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=IndexValidatorSpec(
                model=model,
                min_recall=min_recall,
                max_latency_ratio=max_latency_ratio,
                code_version=code_version,
                infra_blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
