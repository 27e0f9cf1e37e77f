"""The gate: which figures a model must reach to be blessed, and why it did or did not."""

from __future__ import annotations

import dataclasses
import json

from components.evaluator.metrics import UNUSABLE_ROWS

UNSEEN_TOP_100 = "unseen_top_100_accuracy"
TOP_100 = "top_100_accuracy"


@dataclasses.dataclass(frozen=True)
class GateBounds:
    """Bounds that a model is held to.

    Attributes:
        min_unseen_top_100_accuracy: Least `unseen_top_100_accuracy`.
        min_top_100_accuracy: Least `top_100_accuracy`.
        max_drop_from_baseline: By how much `unseen_top_100_accuracy` may be below that of the
            latest blessed model on the same rows.
    """

    min_unseen_top_100_accuracy: float
    min_top_100_accuracy: float
    max_drop_from_baseline: float

    def __post_init__(self) -> None:
        for name in ("min_unseen_top_100_accuracy", "min_top_100_accuracy"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"gate.{name} is {getattr(self, name)}: a bound outside (0, 1] lets every "
                    "model pass or none"
                )
        if not 0 <= self.max_drop_from_baseline < 1:
            raise ValueError(
                f"gate.max_drop_from_baseline is {self.max_drop_from_baseline}, not in [0, 1)"
            )

    def to_json(self) -> str:
        """The bounds as JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> GateBounds:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))


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
    metrics: dict[str, float], baseline: dict[str, float] | None, bounds: GateBounds
) -> list[Reason]:
    """Holds a model's metrics against the bounds; it is blessed if every reason passed.

    Args:
        metrics: The candidate's metrics by name.
        baseline: Those of the latest blessed model on the same rows, if there is one.
        bounds: The bounds.

    Raises:
        KeyError: A metric that the gate needs is missing.
    """
    reasons = [
        _at_least(TOP_100, metrics[TOP_100], bounds.min_top_100_accuracy, "the least allowed"),
        _at_least(
            UNSEEN_TOP_100,
            metrics[UNSEEN_TOP_100],
            bounds.min_unseen_top_100_accuracy,
            "the least allowed",
        ),
    ]
    unusable = metrics[UNUSABLE_ROWS]
    reasons.append(
        Reason(
            check=UNUSABLE_ROWS,
            value=unusable,
            bound=0.0,
            passed=unusable == 0,
            sentence=f"{unusable:.0f} eval rows have a score that is not a finite number",
        )
    )
    if baseline is not None:
        reasons.append(
            _at_least(
                "baseline_unseen_top_100_accuracy",
                metrics[UNSEEN_TOP_100],
                baseline[UNSEEN_TOP_100] - bounds.max_drop_from_baseline,
                f"the latest blessed model's {baseline[UNSEEN_TOP_100]:.4f} less "
                f"{bounds.max_drop_from_baseline:.4f}",
                metric=UNSEEN_TOP_100,
            )
        )
    return reasons


def _at_least(
    check: str, value: float, bound: float, meaning: str, metric: str | None = None
) -> Reason:
    # A NaN compares false, and so fails.
    passed = value >= bound
    relation = "is not below" if passed else "is below"
    return Reason(
        check=check,
        value=value,
        bound=bound,
        passed=passed,
        sentence=f"{metric or check} {value:.4f} {relation} {bound:.4f} ({meaning})",
    )
