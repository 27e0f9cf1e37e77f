"""How popular what is recommended is, and how much of the catalogue it covers."""

from __future__ import annotations

import numpy as np

from pipeline.metrics_table import PEER_TITLES
from pipeline.report import charts
from pipeline.report.answers import Served
from pipeline.report.charts import Bar, Chart
from pipeline.report.metrics import THIS_MODEL
from pipeline.verdict import Evaluation

COVERAGE, POPULARITY = "coverage_at_100", "popularity_rank_at_100"
_MOST_POINTS = 200


def served_charts(evaluation: Evaluation, served: Served) -> list[Chart]:
    """Coverage and popularity beside those of the peers, and how unevenly candidates are served.

    Args:
        evaluation: What the Evaluator measured.
        served: How often candidates are served.
    """
    models = {THIS_MODEL: evaluation.metrics}
    models |= {PEER_TITLES[peer]: metrics for peer, metrics in evaluation.peers.items()}
    drawn = []
    for name, title, metric, digits in (
        ("coverage", "Share of the catalogue in some list of 100", COVERAGE, 3),
        ("popularity", "Mean popularity rank of what is served (1: most events)", POPULARITY, 0),
    ):
        bars = [
            Bar(model, metrics[metric], colour=charts.OTHER if place else charts.MODEL)
            for place, (model, metrics) in enumerate(models.items())
        ]
        drawn.append(charts.bars(f"served-{name}", title, bars, digits=digits))
    curves = {
        f"lists of {served.listed}": _concentration(served.served, served.catalogue),
        "train events": _concentration(served.known, served.catalogue),
    }
    title = f"Share of all that is held by the most frequent titles, {served.queries:,} users"
    drawn.append(
        charts.lines(
            "served-concentration",
            title,
            curves,
            x_title="share of the catalogue, most frequent first",
            percent=True,
            markers=False,
        )
    )
    return drawn


def _concentration(counts: list[int], catalogue: int) -> tuple[list[float], list[float]]:
    """The Lorenz curve from its upper end: share of candidates, and of all that they hold."""
    whole = np.concatenate([counts, np.zeros(catalogue - len(counts))])
    held = np.concatenate([[0], np.cumsum(whole) / max(whole.sum(), 1)])
    places = np.unique(np.linspace(0, catalogue, min(_MOST_POINTS, catalogue) + 1).astype(int))
    x, y = (places / catalogue).round(4), held[places].round(4)
    return x.tolist(), y.tolist()
