"""Seconds of each component."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.report import charts
from pipeline.report.charts import Bar, Chart
from pipeline.report.facts import Duration


def durations_chart(found: Sequence[Duration]) -> Chart:
    """A bar per component, in the order in which they ran."""
    bars = [
        Bar(
            duration.component,
            duration.seconds,
            colour=charts.OTHER if duration.cached else charts.MODEL,
            note="from the cache; this is what it took when it ran" if duration.cached else "",
        )
        for duration in found
    ]
    return charts.bars("durations", "Seconds of each component", bars, digits=1, unit=" s")
