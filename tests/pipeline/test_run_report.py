"""What people read of a run."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.metrics_table import PEER_TITLES
from pipeline.paths import OutputPaths
from pipeline.run_report import RunReport
from pipeline.verdict import Evaluation, Outcome, Verdict

_ACCURACIES = [
    *(f"{seen}top_{k}_accuracy" for seen in ("", "unseen_") for k in (1, 5, 10, 50, 100)),
    *("unseen_mrr", "unseen_ndcg_at_10", "unseen_ndcg_at_100", "returning_top_100_accuracy"),
    *("coverage_at_100", "repeated_top_10_share"),
]
_METRICS = {
    **dict.fromkeys(_ACCURACIES, 0.12345),
    "popularity_rank_at_100": 1234.56,
    "example_count": 943.0,
    "rows_in_train": 0.0,
}
_INTERVALS = dict.fromkeys(_METRICS, (0.1, 0.12))
_EVALUATION = Evaluation(
    metrics=_METRICS,
    intervals=_INTERVALS,
    slices={},
    peers=dict.fromkeys(PEER_TITLES, _METRICS),
    baseline=_METRICS,
    baseline_intervals=_INTERVALS,
)
_REASON = {
    "check": "share_of_rows_in_train",
    "value": 0.0,
    "bound": 0.02,
    "passed": True,
    "sentence": "few rows repeat",
}


def printed(outcome: Outcome, evaluation: Evaluation, width: int) -> str:
    verdict = Verdict(outcome, "it is so.", [_REASON], evaluation)
    report = RunReport(verdict, [], 1.0, OutputPaths(Path("/nowhere")), None)
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    report.print_to(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("outcome", ["pushed", "compared"])
def test_no_cell_is_cut_at_80_columns(outcome: Outcome) -> None:
    narrow = printed(outcome, _EVALUATION, 80)
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == printed(outcome, _EVALUATION, 200).split()
    models = 2 if outcome == "compared" else 2 + len(PEER_TITLES)
    assert narrow.count(" 0.1235") == models * len(_ACCURACIES)


@pytest.mark.parametrize(
    ("repeated", "line"),
    [
        (7, "model was trained on 7 of these 943 rows, a share of 0.0074, not above 0.0200."),
        (19, "model was trained on 19 of these 943 rows: its figures are no evaluation."),
    ],
)
def test_a_comparison_tells_how_many_rows_repeat(repeated: int, line: str) -> None:
    leaky = {**_METRICS, "rows_in_train": float(repeated)}
    first = dataclasses.replace(_EVALUATION, baseline=leaky)
    second = dataclasses.replace(_EVALUATION, metrics=leaky)
    for name, evaluation in (("first", first), ("second", second)):
        told = printed("compared", evaluation, 80)
        assert f"The {name} {line}" in told.splitlines()
        assert told.count("was trained on") == 1
    assert "was trained on" not in printed("compared", _EVALUATION, 80)
