"""Judges a run by what its Evaluator and Pusher recorded."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.component_record import ComponentRecord, OutputArtifact
from pipeline.tuned import Tuned

Outcome = Literal["pushed", "unchanged", "blessed", "compared", "not_blessed", "failed"]
EXIT_CODES: dict[Outcome, int] = {
    "pushed": 0,
    "unchanged": 0,
    "blessed": 0,
    "compared": 0,
    "not_blessed": 3,
    "failed": 1,
}

_EVALUATOR = "Evaluator"
_INDEX_VALIDATOR = "IndexValidator"
_PUSHER = "Pusher"
_TRAINER = "Trainer"
_TUNER = "Tuner"
_GAIN = "unseen_top_100_accuracy_gain"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What the Evaluator measured.

    Attributes:
        metrics: The model's metrics over the whole eval split, by name.
        intervals: 95 % confidence interval of each that is a mean, by name.
        slices: Rows and accuracy by slice name and value.
        peers: Metrics of each peer by name.
        baseline: Metrics of the model it was compared with; None where there is none.
        baseline_intervals: Their 95 % confidence intervals; None where there is none.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    slices: dict[str, dict[str, dict[str, float]]]
    peers: dict[str, dict[str, float]]
    baseline: dict[str, float] | None
    baseline_intervals: dict[str, tuple[float, float]] | None

    @classmethod
    def of_artifact(cls, artifact: OutputArtifact) -> Evaluation:
        """Reads what the Evaluator recorded on its evaluation."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: json.loads(artifact.values.get(name, "null")) for name in names})


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a run ended.

    Attributes:
        outcome: What became of the model.
        reason: Why, in one sentence.
        reasons: Every check of the gate: its name, value, bound, whether passed, and a sentence;
            and of the IndexValidator: its name, whether passed, and a sentence.
        evaluation: What was measured; None where the run ended before that.
        tuned: What a Tuner found; None where there was none, or the run ended before its end.
        training_logs: Where TensorBoard finds the training; None where there was none.
    """

    outcome: Outcome
    reason: str
    reasons: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    evaluation: Evaluation | None = None
    tuned: Tuned | None = None
    training_logs: str | None = None

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends so."""
        return EXIT_CODES[self.outcome]


def judge(components: Mapping[str, ComponentRecord]) -> Verdict:
    """The verdict on a run whose components all succeeded.

    Args:
        components: Records of the run by component.
    """
    reasons, evaluation = _evaluated(components)
    reasons += json.loads(components[_INDEX_VALIDATOR].outputs["infra_blessing"].values["reasons"])
    pushed = components[_PUSHER].outputs["pushed_model"].values
    outcome = pushed["outcome"]
    if outcome == "pushed":
        reason = f"every one of {len(reasons)} checks passed."
    elif outcome == "unchanged":
        reason = f"the model is the one already served as version {pushed['pushed_version']}."
    elif outcome == "not_blessed":
        reason = f"{failed_checks(reasons)}."
    else:
        raise ValueError(f"the Pusher recorded the unknown outcome {outcome!r}")
    tuned = None
    if _TUNER in components:
        tuned = Tuned.of_artifact(components[_TUNER].outputs["tuner_results"])
    training_logs = components[_TRAINER].outputs["model_run"].uri
    return Verdict(outcome, reason, reasons, evaluation, tuned, training_logs)


def judge_evaluation(components: Mapping[str, ComponentRecord]) -> Verdict:
    """The verdict on a model that is not to be pushed.

    `compared` where there was another to compare it with, else `blessed` or `not_blessed`.

    Args:
        components: Records of the run by component.
    """
    reasons, evaluation = _evaluated(components)
    if evaluation.baseline is not None:
        return Verdict("compared", _comparison(evaluation), reasons, evaluation)
    if all(reason["passed"] for reason in reasons):
        return Verdict(
            "blessed", f"every one of {len(reasons)} checks passed.", reasons, evaluation
        )
    return Verdict("not_blessed", f"{failed_checks(reasons)}.", reasons, evaluation)


def _evaluated(
    components: Mapping[str, ComponentRecord],
) -> tuple[list[dict[str, Any]], Evaluation]:
    """The reasons and the figures that the Evaluator recorded."""
    outputs = components[_EVALUATOR].outputs
    reasons: list[dict[str, Any]] = json.loads(outputs["blessing"].values["reasons"])
    return reasons, Evaluation.of_artifact(outputs["evaluation"])


def _comparison(evaluation: Evaluation) -> str:
    gain = evaluation.metrics[_GAIN]
    low, high = evaluation.intervals[_GAIN]
    relation = "above" if gain >= 0 else "below"
    told = "" if low > 0 or high < 0 else ", which may be chance"
    return (
        f"on the same rows the second model's unseen_top_100_accuracy is {abs(gain):.4f} "
        f"{relation} the first's, give or take {(high - low) / 2:.4f} (95 %){told}."
    )


def failure(sentence: str) -> Verdict:
    """The verdict on a run that an error ended."""
    return Verdict("failed", sentence)


def failed_checks(reasons: list[dict[str, Any]]) -> str:
    """The sentences of the checks that failed."""
    return "; ".join(str(reason["sentence"]) for reason in reasons if not reason["passed"])
