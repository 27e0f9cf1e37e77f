import json

import pytest

from pipeline.component_record import ComponentRecord, OutputArtifact
from pipeline.verdict import Verdict, failure, judge

REASONS = [
    {
        "check": "a",
        "value": 0.4,
        "bound": 0.3,
        "passed": True,
        "sentence": "a 0.4 is not below 0.3",
    },
    {"check": "b", "value": 0.1, "bound": 0.2, "passed": False, "sentence": "b 0.1 is below 0.2"},
]
METRICS = {"top_100_accuracy": 0.4}


def components(outcome: str, reasons: list[dict[str, object]]) -> dict[str, ComponentRecord]:
    evaluation = OutputArtifact("/e", {"metrics": json.dumps(METRICS)})
    blessing = OutputArtifact("/b", {"reasons": json.dumps(reasons), "blessed": 1})
    pushed = OutputArtifact("/p", {"outcome": outcome, "pushed_version": "17", "pushed": 1})
    return {
        "Evaluator": ComponentRecord(True, False, {"evaluation": evaluation, "blessing": blessing}),
        "Pusher": ComponentRecord(True, False, {"pushed_model": pushed}),
    }


def test_a_pushed_model() -> None:
    verdict = judge(components("pushed", REASONS[:1]))
    reason = "every check passed: a 0.4 is not below 0.3."
    assert verdict == Verdict("pushed", reason, REASONS[:1], METRICS)
    assert verdict.exit_code == 0


def test_a_model_that_is_served_already() -> None:
    verdict = judge(components("unchanged", REASONS[:1]))
    assert (verdict.outcome, verdict.exit_code) == ("unchanged", 0)
    assert "version 17" in verdict.reason


def test_a_blocked_model_is_told_by_the_checks_that_failed() -> None:
    verdict = judge(components("not_blessed", REASONS))
    assert (verdict.outcome, verdict.exit_code) == ("not_blessed", 3)
    assert verdict.reason == "b 0.1 is below 0.2."
    assert verdict.reasons == REASONS
    assert verdict.metrics == METRICS


def test_an_unknown_outcome_is_an_error() -> None:
    with pytest.raises(ValueError, match="'lost'"):
        judge(components("lost", REASONS))


def test_a_failure() -> None:
    assert failure("x.") == Verdict("failed", "x.", [], {})
    assert failure("x.").exit_code == 1
