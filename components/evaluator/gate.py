"""The gate: what a model must reach to be blessed, and why it did or did not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from components.evaluator.errors import GateError
from components.evaluator.index_check import INDEX_DIFFERENCES, UNUSABLE_VECTORS
from components.evaluator.metrics import COVERAGE, EXAMPLE_COUNT, REPEATED
from components.evaluator.rank_statistics import (
    GAIN,
    ROWS_IN_TRAIN,
    ROWS_SERVED_DIFFERENTLY,
    UNSEEN_TOP_100,
    UNUSABLE_ROWS,
)
from components.evaluator.results import TOP_100, ModelMetrics

SHARE_IN_TRAIN = "share_of_rows_in_train"
GAIN_OVER_POPULARITY = "gain_over_popularity"
GAIN_OVER_BASELINE = "gain_over_baseline"

_LEAST = ("min_unseen_top_100_accuracy", "min_top_100_accuracy", "min_coverage_at_100")


@dataclasses.dataclass(frozen=True)
class SliceFloor:
    """A floor under the accuracy of one slice.

    Attributes:
        slice: Name of the slice, such as `query_activity`.
        value: Its value, such as `cold`.
        min_unseen_top_100_accuracy: Least `unseen_top_100_accuracy` of the slice.
        min_rows: With fewer rows than this the slice is too small to judge, and passes.
    """

    slice: str
    value: str
    min_unseen_top_100_accuracy: float
    min_rows: int

    def __post_init__(self) -> None:
        if not 0 < self.min_unseen_top_100_accuracy <= 1:
            raise ValueError(
                f"the floor of {self.slice}={self.value} is {self.min_unseen_top_100_accuracy}: "
                "a bound outside (0, 1] lets every model pass or none"
            )
        if self.min_rows < 1:
            raise ValueError(f"min_rows of {self.slice}={self.value} is below 1")


@dataclasses.dataclass(frozen=True)
class GateBounds:
    """Bounds that a model is held to.

    Attributes:
        min_unseen_top_100_accuracy: Least `unseen_top_100_accuracy`.
        min_top_100_accuracy: Least `top_100_accuracy`.
        max_drop_from_baseline: By how much `unseen_top_100_accuracy` may be below that of the
            latest blessed model on the same rows; what noise explains is allowed in any case.
        min_gain_over_popularity: By how much it must exceed that of the popularity peer.
        min_coverage_at_100: Least share of the catalogue that is in some served list.
        max_repeated_top_10_share: Greatest share of rows with one and the same top 10.
        max_share_in_train: Greatest share of eval rows whose pair the model was trained on.
        slice_floors: Floors under slices.
    """

    min_unseen_top_100_accuracy: float
    min_top_100_accuracy: float
    max_drop_from_baseline: float
    min_gain_over_popularity: float
    min_coverage_at_100: float
    max_repeated_top_10_share: float
    max_share_in_train: float
    slice_floors: tuple[SliceFloor, ...] = ()

    def __post_init__(self) -> None:
        for name in _LEAST:
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"gate.{name} is {getattr(self, name)}: a bound outside (0, 1] lets every "
                    "model pass or none"
                )
        for name in ("max_drop_from_baseline", "min_gain_over_popularity", "max_share_in_train"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"gate.{name} is {getattr(self, name)}, not in [0, 1)")
        if not 0 < self.max_repeated_top_10_share < 1:
            raise ValueError(
                f"gate.max_repeated_top_10_share is {self.max_repeated_top_10_share}: a bound "
                "outside (0, 1) lets every model pass or none"
            )

    def to_json(self) -> str:
        """The bounds as JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> GateBounds:
        """Inverse of `to_json`."""
        values = json.loads(text)
        floors = tuple(SliceFloor(**floor) for floor in values.pop("slice_floors"))
        return cls(**values, slice_floors=floors)


@dataclasses.dataclass(frozen=True)
class Reason:
    """One check of the gate.

    Attributes:
        check: Name of the check.
        value: What was measured.
        bound: What it was held to.
        passed: Whether it held.
        sentence: All of it in words.
    """

    check: str
    value: float
    bound: float
    passed: bool
    sentence: str


def check_model(
    model: ModelMetrics,
    baseline: ModelMetrics | None,
    popularity: Mapping[str, float],
    bounds: GateBounds,
) -> list[Reason]:
    """Holds a model's metrics against the bounds; it is blessed if every reason passed.

    Args:
        model: The candidate model's metrics, with `GAIN` if there is a baseline.
        baseline: Those of the latest blessed model on the same rows, if there is one.
        popularity: Metrics of the popularity peer on the same rows, by name.
        bounds: The bounds.

    Raises:
        KeyError: A metric that the gate needs is missing.
        GateError: A slice floor names a slice that the evaluation does not have.
    """
    metrics = model.metrics
    accuracy = metrics[UNSEEN_TOP_100]
    gain = accuracy - popularity[UNSEEN_TOP_100]
    in_train = metrics[ROWS_IN_TRAIN] / metrics[EXAMPLE_COUNT]
    reasons = [
        _at_least(
            TOP_100,
            metrics[TOP_100],
            bounds.min_top_100_accuracy,
            f"top-100 accuracy over all candidates is {metrics[TOP_100]:.4f}",
        ),
        _at_least(
            UNSEEN_TOP_100,
            accuracy,
            bounds.min_unseen_top_100_accuracy,
            f"top-100 accuracy among unseen candidates is {accuracy:.4f}",
        ),
        _at_least(
            GAIN_OVER_POPULARITY,
            gain,
            bounds.min_gain_over_popularity,
            f"its gain over popularity's {popularity[UNSEEN_TOP_100]:.4f} is {gain:+.4f}",
        ),
    ]
    if baseline is not None:
        reasons.append(_against_baseline(model, baseline, bounds.max_drop_from_baseline))
    reasons += [
        _none(UNUSABLE_ROWS, metrics, "eval rows have a score or norm that is not a finite number"),
        _none(UNUSABLE_VECTORS, metrics, "candidates have a vector of no finite, positive norm"),
        _none(INDEX_DIFFERENCES, metrics, "differences between the index and the catalogue"),
        _none(
            ROWS_SERVED_DIFFERENTLY,
            metrics,
            "eval rows are ranked elsewhere than in the list that is served",
        ),
        _at_most(
            SHARE_IN_TRAIN,
            in_train,
            bounds.max_share_in_train,
            f"the model was trained on {metrics[ROWS_IN_TRAIN]:.0f} of the eval rows, a share of "
            f"{in_train:.4f}",
        ),
        _at_least(
            COVERAGE,
            metrics[COVERAGE],
            bounds.min_coverage_at_100,
            f"a share of {metrics[COVERAGE]:.4f} of the catalogue is in some served list",
        ),
        _at_most(
            REPEATED,
            metrics[REPEATED],
            bounds.max_repeated_top_10_share,
            f"a share of {metrics[REPEATED]:.4f} of the rows have one and the same top 10",
        ),
    ]
    reasons += [_slice_floor(floor, model) for floor in bounds.slice_floors]
    return reasons


def check_slice_names(floors: Sequence[SliceFloor], names: Sequence[str]) -> None:
    """Refuses floors under slices that are not evaluated.

    Raises:
        GateError: There is one.
    """
    for floor in floors:
        if floor.slice not in names:
            raise GateError(
                f"gate.slice_floors names the slice {floor.slice!r}; there are {', '.join(names)}."
            )


def _against_baseline(model: ModelMetrics, baseline: ModelMetrics, max_drop: float) -> Reason:
    """Rows are paired: the interval of the gain is that of the difference on equal rows."""
    gain = model.metrics[GAIN]
    low, high = model.intervals[GAIN]
    noise = (high - low) / 2
    margin = max(max_drop, noise)
    before = baseline.metrics[UNSEEN_TOP_100]
    return _at_least(
        GAIN_OVER_BASELINE,
        gain,
        -margin,
        f"its gain over the latest blessed model's {before:.4f} is {gain:+.4f}, give or take "
        f"{noise:.4f}",
    )


def _slice_floor(floor: SliceFloor, model: ModelMetrics) -> Reason:
    values = model.slices.get(floor.slice, {})
    if floor.value not in values:
        raise GateError(
            f"gate.slice_floors names {floor.slice}={floor.value!r}, which no eval row has; there "
            f"are {', '.join(values) or 'no values'}."
        )
    metrics = values[floor.value]
    rows, accuracy = metrics[EXAMPLE_COUNT], metrics[UNSEEN_TOP_100]
    name = f"slice {floor.slice}={floor.value}"
    if rows < floor.min_rows:
        return Reason(
            name,
            accuracy,
            floor.min_unseen_top_100_accuracy,
            passed=True,
            sentence=f"{name} has {rows:.0f} rows, too few of {floor.min_rows} to be judged",
        )
    return _at_least(
        name,
        accuracy,
        floor.min_unseen_top_100_accuracy,
        f"top-100 accuracy among unseen candidates of {floor.slice}={floor.value} is "
        f"{accuracy:.4f} on {rows:.0f} rows",
    )


def _none(check: str, metrics: Mapping[str, float], what: str) -> Reason:
    count = metrics[check]
    return Reason(check, count, 0.0, passed=count == 0, sentence=f"{count:.0f} {what}")


def _at_least(check: str, value: float, bound: float, sentence: str) -> Reason:
    # A NaN compares false, and so fails.
    passed = value >= bound
    relation = "not below" if passed else "below"
    return Reason(check, value, bound, passed, f"{sentence}, {relation} {bound:.4f}")


def _at_most(check: str, value: float, bound: float, sentence: str) -> Reason:
    passed = value <= bound
    relation = "not above" if passed else "above"
    return Reason(check, value, bound, passed, f"{sentence}, {relation} {bound:.4f}")
