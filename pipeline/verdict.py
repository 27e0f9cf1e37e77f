"""Judges a run by what its Evaluator and Pusher recorded."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.component_record import ComponentRecord

Outcome = Literal["pushed", "unchanged", "not_blessed", "failed"]
EXIT_CODES: dict[Outcome, int] = {"pushed": 0, "unchanged": 0, "not_blessed": 3, "failed": 1}

_EVALUATOR = "Evaluator"
_PUSHER = "Pusher"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a run ended.

    Attributes:
        outcome: What became of the model.
        reason: Why, in one sentence.
        reasons: Every check of the gate: its name, value, bound, whether passed, and a sentence.
        metrics: Value by name over the whole eval split.
    """

    outcome: Outcome
    reason: str
    reasons: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Exit code of a command that ends so."""
        return EXIT_CODES[self.outcome]


def judge(components: Mapping[str, ComponentRecord]) -> Verdict:
    """The verdict on a run whose components all succeeded.

    Args:
        components: Records of the run by component.
    """
    evaluated = components[_EVALUATOR].outputs
    reasons: list[dict[str, Any]] = json.loads(evaluated["blessing"].values["reasons"])
    metrics: dict[str, float] = json.loads(evaluated["evaluation"].values["metrics"])
    pushed = components[_PUSHER].outputs["pushed_model"].values
    outcome = pushed["outcome"]
    if outcome == "pushed":
        reason = f"every check passed: {_sentences(reasons, passed=True)}."
    elif outcome == "unchanged":
        reason = f"the model is the one already served as version {pushed['pushed_version']}."
    elif outcome == "not_blessed":
        reason = f"{_sentences(reasons, passed=False)}."
    else:
        raise ValueError(f"the Pusher recorded the unknown outcome {outcome!r}")
    return Verdict(outcome, reason, reasons, metrics)


def failure(sentence: str) -> Verdict:
    """The verdict on a run that an error ended."""
    return Verdict("failed", sentence)


def _sentences(reasons: list[dict[str, Any]], passed: bool) -> str:
    chosen = [str(r["sentence"]).rstrip(".") for r in reasons if bool(r["passed"]) == passed]
    return "; ".join(chosen)
