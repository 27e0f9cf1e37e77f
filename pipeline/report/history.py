"""The page with the metrics of every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime

from components.pusher.pushed_model import OUTCOME, OUTCOME_ROLLED_BACK, PUSHED_VERSION
from pipeline.failure import OutputError
from pipeline.lineage.store import LineageStore
from pipeline.report import charts
from pipeline.report.facts import PUSHED_MODEL
from pipeline.report.metrics import ALL, UNSEEN
from pipeline.report.page import render
from pipeline.version_records import VersionRecord, VersionRecords

_TEMPLATE = "history.html"
_COLUMNS = (UNSEEN, "unseen_top_10_accuracy", ALL, "returning_top_100_accuracy", "coverage_at_100")
_LABELS = {
    UNSEEN: "top-100, unseen titles",
    ALL: "top-100, all titles",
    "unseen_top_10_accuracy": "top-10, unseen titles",
}


@dataclasses.dataclass(frozen=True)
class JudgedModel:
    """What a run made of its model.

    Attributes:
        at: When, UTC.
        outcome: What became of it.
        version: Version that it is served as; empty where it was refused.
        metrics: What was measured.
    """

    at: datetime
    outcome: str
    version: str
    metrics: Mapping[str, float]


def history(store: LineageStore) -> str:
    """The metrics of every run that got as far as its Pusher, as HTML.

    Args:
        store: What is recorded.

    Raises:
        OutputError: There is no such run.
    """
    found = _judged_models(store)
    if not found:
        raise OutputError(
            f"no run has judged a model in {store.paths.output} yet: run the pipeline first, or"
            " name its folder with --output."
        )
    # One place per run: a day may have many, or a month none.
    places = list(range(1, len(found) + 1))
    chart = charts.lines(
        "history",
        "Accuracy on the eval split of each run",
        {
            label: (places, [model.metrics[metric] for model in found])
            for metric, label in _LABELS.items()
        },
        x_title="run",
        whole_numbers=True,
    )
    return render(
        _TEMPLATE,
        [chart],
        chart_of_runs=chart,
        models=found,
        columns=_COLUMNS,
        path=store.paths.output,
    )


def _judged_models(store: LineageStore) -> list[JudgedModel]:
    """Oldest first, without rollbacks, which judge nothing anew."""
    records = VersionRecords.of(store.paths)
    found = []
    for artifact in store.made_here(PUSHED_MODEL):
        outcome = artifact.properties.get(OUTCOME)
        if outcome is None or outcome == OUTCOME_ROLLED_BACK:
            continue
        judgement = records.judgement(VersionRecord([artifact]))
        if judgement is not None:
            version = artifact.properties.get(PUSHED_VERSION, "")
            found.append(JudgedModel(artifact.created_at, outcome, version, judgement.metrics))
    return found
