"""Accuracy by slices, as bars."""

from __future__ import annotations

from collections.abc import Mapping

from components.datasets.definition import DatasetDefinition
from pipeline.report import charts
from pipeline.report.charts import Bar, Chart
from pipeline.report.metrics import UNSEEN
from pipeline.verdict import Evaluation

Slices = Mapping[str, Mapping[str, Mapping[str, float]]]
# Slices that have an order of their own; all others are sorted already.
_ORDER = ("cold", "head", "torso", "tail", "never in train")


def slice_charts(
    slices: Slices, beside: Slices, name_beside: str, definition: DatasetDefinition
) -> list[Chart]:
    """A chart per slice name, with marks for another model.

    Args:
        slices: Rows and accuracy of each slice of the model.
        beside: Those of the other model; empty for none.
        name_beside: What the other is called.
        definition: The dataset's definition.
    """
    found = []
    for name, values in slices.items():
        ordered = sorted(values, key=lambda value: _place(value))
        bars = [
            Bar(
                value,
                values[value][UNSEEN],
                colour=charts.MODEL,
                note=f"{values[value]['example_count']:,.0f} rows",
            )
            for value in ordered
        ]
        others = beside.get(name, {})
        marks = [others[value][UNSEEN] if value in others else None for value in ordered]
        found.append(
            charts.bars(
                f"slice-{name}",
                _title(name, definition),
                bars,
                digits=3,
                marks=marks,
                marked=name_beside,
                limits=(0, 1),
            )
        )
    return found


def best_peer(evaluation: Evaluation) -> str | None:
    """The peer with the highest accuracy over all rows; None where there is none."""
    return max(evaluation.peers, key=lambda peer: evaluation.peers[peer][UNSEEN], default=None)


def _place(value: str) -> int:
    return _ORDER.index(value) if value in _ORDER else len(_ORDER)


def _title(name: str, definition: DatasetDefinition) -> str:
    words = name.replace("_", " ")
    unit = ""
    if name in definition.slice_features:
        unit = definition.feature(name).unit
    return f"{words}, {unit}" if unit else words
