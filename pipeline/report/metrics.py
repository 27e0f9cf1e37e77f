"""Metrics of models side by side, as a table and as bars."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from pipeline.metrics_table import METRICS, NOTEBOOK_TOP_100_ACCURACY, PEER_TITLES
from pipeline.report import charts
from pipeline.report.charts import Bar, Chart
from pipeline.verdict import Evaluation

UNSEEN, ALL = "unseen_top_100_accuracy", "top_100_accuracy"
THIS_MODEL = "this model"
_BLESSED = "blessed before"
_NOTEBOOK = "TFRS notebook"
_TITLES = {
    UNSEEN: "Top-100 accuracy among unseen titles, which is what is served",
    ALL: "Top-100 accuracy among all titles, the notebook's protocol",
}


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of a model.

    Attributes:
        metrics: Its metrics by name.
        intervals: 95 % confidence interval of each that is a mean.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Row:
    """A metric of every model.

    Attributes:
        metric: Its name.
        cells: Its value for each model, and half of its 95 % interval; empty where there is none.
    """

    metric: str
    cells: list[tuple[str, str]]


def measured_models(
    evaluation: Evaluation, peer_intervals: Mapping[str, Mapping[str, Sequence[float]]]
) -> dict[str, Measured]:
    """The model, the one blessed before, and the peers, by what people call them.

    Args:
        evaluation: What the Evaluator measured.
        peer_intervals: 95 % confidence intervals of each peer's metrics.
    """
    models = {THIS_MODEL: Measured(evaluation.metrics, evaluation.intervals)}
    if evaluation.baseline:
        models[_BLESSED] = Measured(evaluation.baseline, evaluation.baseline_intervals or {})
    for peer, metrics in evaluation.peers.items():
        models[PEER_TITLES[peer]] = Measured(metrics, peer_intervals.get(peer, {}))
    return models


def metric_rows(models: Mapping[str, Measured]) -> list[Row]:
    """A row per metric, in the order of the table that a run prints."""
    return [Row(metric, [_cell(metric, model) for model in models.values()]) for metric in METRICS]


def accuracy_charts(models: Mapping[str, Measured]) -> list[Chart]:
    """The two accuracies that the gate looks at first; bars of the first model are coloured."""
    drawn = []
    for metric, title in _TITLES.items():
        found = [
            Bar(
                name,
                model.metrics[metric],
                model.intervals.get(metric),
                charts.OTHER if place else charts.MODEL,
                _interval_note(model.intervals.get(metric)),
            )
            for place, (name, model) in enumerate(models.items())
        ]
        if metric == ALL:
            found.append(
                Bar(_NOTEBOOK, NOTEBOOK_TOP_100_ACCURACY, None, charts.PUBLISHED, "as published")
            )
        drawn.append(charts.bars(metric, title, found))
    return drawn


def _cell(metric: str, model: Measured) -> tuple[str, str]:
    if metric not in model.metrics:
        return "", ""
    digits = 1 if metric == "popularity_rank_at_100" else 4
    bounds = model.intervals.get(metric)
    half = f"{(bounds[1] - bounds[0]) / 2:.{digits}f}" if bounds else ""
    return f"{model.metrics[metric]:.{digits}f}", half


def _interval_note(bounds: Sequence[float] | None) -> str:
    return f"95 % interval {bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else ""
