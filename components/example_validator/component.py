"""ExampleValidator as a TFX component."""

from __future__ import annotations

from tfx.components.example_validator.component import ExampleValidator
from tfx.dsl.components.base import executor_spec

from components.example_validator import executor


class BlockingExampleValidator(ExampleValidator):
    """TFX's ExampleValidator, except that anomalies fail the run instead of being filed away."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
