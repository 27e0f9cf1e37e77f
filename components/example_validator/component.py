"""ExampleValidator as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.example_validator import executor


class BlockingExampleValidatorSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `BlockingExampleValidator`."""

    PARAMETERS = {
        standard_component_specs.EXCLUDE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.STATISTICS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics
        ),
        standard_component_specs.SCHEMA_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Schema
        ),
    }
    OUTPUTS = {
        standard_component_specs.ANOMALIES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleAnomalies
        ),
    }


class BlockingExampleValidator(base_component.BaseComponent):
    """TFX's ExampleValidator, except that anomalies fail the run instead of being filed away.

    Args:
        statistics: Statistics of every split.
        schema: The curated schema.
        code_version: Fingerprint of the code behind this component, part of its cache key.
    """

    SPEC_CLASS = BlockingExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self, *, statistics: types.BaseChannel, schema: types.BaseChannel, code_version: str
    ) -> None:
        super().__init__(
            spec=BlockingExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                exclude_splits="[]",
                code_version=code_version,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
