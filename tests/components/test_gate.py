"""The gate on figures made up for it."""

from __future__ import annotations

import dataclasses
import math

import pytest

from components.evaluator.errors import GateError
from components.evaluator.gate import GateBounds, SliceFloor, check_model, check_slice_names
from components.evaluator.results import ModelMetrics

BOUNDS = GateBounds(
    min_unseen_top_100_accuracy=0.5,
    min_top_100_accuracy=0.3,
    max_drop_from_baseline=0.01,
    min_gain_over_popularity=0.1,
    min_coverage_at_100=0.3,
    max_repeated_top_10_share=0.2,
    max_share_in_train=0.0,
    slice_floors=(SliceFloor("group", "small", 0.4, min_rows=50),),
)
METRICS = {
    "top_100_accuracy": 0.4,
    "unseen_top_100_accuracy": 0.6,
    "unseen_top_100_accuracy_gain": 0.0,
    "example_count": 1000.0,
    "unusable_rows": 0.0,
    "unusable_vectors": 0.0,
    "index_differences": 0.0,
    "rows_served_differently": 0.0,
    "rows_in_train": 0.0,
    "coverage_at_100": 0.5,
    "repeated_top_10_share": 0.1,
}
POPULARITY = {"unseen_top_100_accuracy": 0.4}
SLICES = {"group": {"small": {"example_count": 100.0, "unseen_top_100_accuracy": 0.5}}}


def _model(interval: float = 0.005, **changes: float) -> ModelMetrics:
    metrics = {**METRICS, **changes}
    gain = metrics["unseen_top_100_accuracy_gain"]
    intervals = {"unseen_top_100_accuracy_gain": (gain - interval, gain + interval)}
    return ModelMetrics(metrics, intervals, SLICES)


def _failed(model: ModelMetrics, baseline: ModelMetrics | None = None) -> list[str]:
    reasons = check_model(model, baseline, POPULARITY, BOUNDS)
    return [reason.check for reason in reasons if not reason.passed]


def test_a_good_model_passes_every_check() -> None:
    reasons = check_model(_model(), _model(), POPULARITY, BOUNDS)
    assert [reason.check for reason in reasons if not reason.passed] == []
    assert len({reason.check for reason in reasons}) == len(reasons) == 12


@pytest.mark.parametrize(
    ("metric", "value", "failed"),
    [
        ("top_100_accuracy", 0.299, ["top_100_accuracy"]),
        ("top_100_accuracy", math.nan, ["top_100_accuracy"]),
        ("unseen_top_100_accuracy", 0.499, ["unseen_top_100_accuracy", "gain_over_popularity"]),
        ("unusable_rows", 1.0, ["unusable_rows"]),
        ("unusable_vectors", 1.0, ["unusable_vectors"]),
        ("index_differences", 1.0, ["index_differences"]),
        ("rows_served_differently", 1.0, ["rows_served_differently"]),
        ("rows_in_train", 1.0, ["share_of_rows_in_train"]),
        ("coverage_at_100", 0.29, ["coverage_at_100"]),
        ("coverage_at_100", math.nan, ["coverage_at_100"]),
        ("repeated_top_10_share", 0.21, ["repeated_top_10_share"]),
        ("repeated_top_10_share", math.nan, ["repeated_top_10_share"]),
    ],
)
def test_each_check_fails_alone(metric: str, value: float, failed: list[str]) -> None:
    assert _failed(_model(**{metric: value})) == failed


@pytest.mark.parametrize(
    ("gain", "interval", "passes"),
    [
        (-0.009, 0.002, True),  # within the margin
        (-0.011, 0.002, False),  # beyond margin and noise
        (-0.011, 0.02, True),  # noise alone explains it
        (-0.021, 0.02, False),
        (math.nan, 0.002, False),
    ],
)
def test_the_margin_under_the_baseline_respects_noise(
    gain: float, interval: float, passes: bool
) -> None:
    model = _model(interval, unseen_top_100_accuracy_gain=gain)
    assert _failed(model, _model()) == ([] if passes else ["gain_over_baseline"])


def test_a_missing_metric_is_an_error() -> None:
    for name in set(METRICS) - {"unseen_top_100_accuracy_gain"}:
        model = _model()
        del model.metrics[name]
        with pytest.raises(KeyError, match=name):
            check_model(model, None, POPULARITY, BOUNDS)
    with pytest.raises(KeyError):
        check_model(_model(), None, {}, BOUNDS)


def test_a_floor_under_a_slice_gates_from_its_least_rows_on() -> None:
    low = {"group": {"small": {"example_count": 50.0, "unseen_top_100_accuracy": 0.3}}}
    model = dataclasses.replace(_model(), slices=low)
    assert _failed(model) == ["slice group=small"]
    low["group"]["small"]["example_count"] = 49.0
    reasons = check_model(model, None, POPULARITY, BOUNDS)
    assert all(reason.passed for reason in reasons)
    assert "49 rows, too few of 50 to be judged" in reasons[-1].sentence


def test_a_floor_under_no_slice_is_an_error() -> None:
    model = dataclasses.replace(_model(), slices={"group": {"big": SLICES["group"]["small"]}})
    with pytest.raises(GateError, match="group='small', which no eval row has; there are big"):
        check_model(model, None, POPULARITY, BOUNDS)
    with pytest.raises(GateError, match="the slice 'group'; there are genre"):
        check_slice_names(BOUNDS.slice_floors, ["genre"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_unseen_top_100_accuracy", 0.0),
        ("min_top_100_accuracy", 1.1),
        ("max_drop_from_baseline", -0.1),
        ("max_drop_from_baseline", 1.0),
        ("min_gain_over_popularity", -0.01),
        ("min_coverage_at_100", 0.0),
        ("max_repeated_top_10_share", 1.0),
        ("max_share_in_train", 1.0),
    ],
)
def test_bounds_that_cannot_fail_are_an_error(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(BOUNDS, **{name: value})  # type: ignore[arg-type]


def test_floors_that_cannot_fail_are_an_error() -> None:
    with pytest.raises(ValueError, match="lets every model pass or none"):
        SliceFloor("group", "small", 0.0, 10)
    with pytest.raises(ValueError, match="min_rows"):
        SliceFloor("group", "small", 0.5, 0)


def test_bounds_survive_json() -> None:
    assert GateBounds.from_json(BOUNDS.to_json()) == BOUNDS
