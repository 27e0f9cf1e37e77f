"""Runs TFX's StatisticsGen."""

from __future__ import annotations

from typing import Any

from tfx.components.statistics_gen import executor as tfx_executor

from components.provenance.recording import recorded


class Executor(tfx_executor.Executor):
    """Executor of `components.statistics_gen.component.RecordedStatisticsGen`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Computes statistics of every split."""
        super().Do(input_dict, output_dict, exec_properties)
