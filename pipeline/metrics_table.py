"""Metrics of several models side by side, for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Top-100 accuracy over all titles that the basic retrieval notebook of TensorFlow Recommenders
# publishes.
NOTEBOOK_TOP_100_ACCURACY = 0.2327
PEER_TITLES = {
    "popularity": "popularity",
    "item_knn": "item-kNN",
    "session_knn": "session-kNN",
    "implicit_als": "ALS",
}

_TOP_K = (1, 5, 10, 50, 100)
METRICS = (
    *(f"top_{k}_accuracy" for k in _TOP_K),
    *(f"unseen_top_{k}_accuracy" for k in _TOP_K),
    "unseen_mrr",
    "unseen_ndcg_at_10",
    "unseen_ndcg_at_100",
    "returning_top_100_accuracy",
    "coverage_at_100",
    "repeated_top_10_share",
    "popularity_rank_at_100",
)
_LAST_OF_GROUP = ("top_100_accuracy", "unseen_top_100_accuracy", "returning_top_100_accuracy")
_SLICE_METRICS = ("top_100_accuracy", "unseen_top_100_accuracy")


@dataclasses.dataclass(frozen=True)
class Column:
    """One model of the table.

    Attributes:
        title: Its name.
        metrics: Its metrics by name.
        intervals: 95 % confidence intervals by metric; empty to show none.
    """

    title: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)


def metrics_table(title: str, columns: Sequence[Column]) -> Table:
    """A row per metric and a column per model, with half the width of intervals where there are.

    What a model was not measured by is left empty, or left out where no model was.
    """
    # No more than a blank between columns: all peers beside two models have to fit in 80 columns.
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0
    )
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column.title.replace("-", "-\n"), justify="right", no_wrap=True)
        if column.intervals:
            table.add_column("±", justify="right", no_wrap=True)
    for metric in METRICS:
        if not any(metric in column.metrics for column in columns):
            continue
        cells = []
        for column in columns:
            digits = 1 if metric == "popularity_rank_at_100" else 4
            value = column.metrics.get(metric)
            cells.append("" if value is None else f"{value:.{digits}f}")
            if column.intervals:
                bounds = column.intervals.get(metric)
                cells.append(f"{(bounds[1] - bounds[0]) / 2:.{digits}f}" if bounds else "")
        label = metric.removesuffix("_accuracy").removesuffix("_share")
        table.add_row(label, *cells, end_section=metric in _LAST_OF_GROUP)
    return table


def peer_columns(peers: Mapping[str, Mapping[str, float]]) -> list[Column]:
    """A column per peer."""
    return [Column(PEER_TITLES[peer], metrics) for peer, metrics in peers.items()]


def slices_table(slices: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """Rows and accuracy of each slice."""
    table = Table(title="Slices", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("", ""):
        table.add_column(header, no_wrap=True)
    for header in ("rows", *(metric.removesuffix("_accuracy") for metric in _SLICE_METRICS)):
        table.add_column(header, justify="right")
    for name, values in slices.items():
        for place, (value, metrics) in enumerate(values.items(), start=1):
            cells = [f"{metrics[metric]:.4f}" for metric in _SLICE_METRICS]
            rows = f"{metrics['example_count']:,.0f}"
            table.add_row(
                name if place == 1 else "",
                Text(value),
                rows,
                *cells,
                end_section=place == len(values),
            )
    return table


def print_checks(console: Console, reasons: Sequence[Mapping[str, Any]]) -> None:
    """A line per check of the gate."""
    for reason in reasons:
        console.print(check_line(reason))


def check_line(reason: Mapping[str, Any]) -> Text:
    """Whether a check passed, and its sentence."""
    mark = ("passed", "green") if reason["passed"] else ("FAILED", "bold red")
    line = Text(f"{mark[0]}  ", style=mark[1])
    return line.append(reason["sentence"], style="not bold default")
