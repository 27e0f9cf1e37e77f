"""StatisticsGen as a TFX component: TFX's own, with provenance on what it gives out."""

from __future__ import annotations

from tfx.components.statistics_gen import component
from tfx.dsl.components.base import executor_spec

from components.statistics_gen import executor


class RecordedStatisticsGen(component.StatisticsGen):
    """TFX's StatisticsGen; its arguments are the same."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
