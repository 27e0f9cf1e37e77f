import json

import pytest

from pipeline.component_record import ComponentRecord, OutputArtifact
from pipeline.verdict import Evaluation, Verdict, failure, judge, judge_evaluation

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
SERVABLE = [{"check": "loads", "passed": True, "sentence": "it loads"}]
METRICS = {"top_100_accuracy": 0.4, "unseen_top_100_accuracy_gain": 0.02}


EVALUATION = Evaluation(METRICS, None, None, None, None, None)  # type: ignore[arg-type]


def components(
    outcome: str, reasons: list[dict[str, object]], **more: str
) -> dict[str, ComponentRecord]:
    evaluation = OutputArtifact("/e", {"metrics": json.dumps(METRICS), **more})
    blessing = OutputArtifact("/b", {"reasons": json.dumps(reasons), "blessed": 1})
    servable = OutputArtifact("/i", {"reasons": json.dumps(SERVABLE), "blessed": 1})
    logs = OutputArtifact("/logs", {})
    pushed = OutputArtifact("/p", {"outcome": outcome, "pushed_version": "17", "pushed": 1})
    return {
        "Evaluator": ComponentRecord(True, False, {"evaluation": evaluation, "blessing": blessing}),
        "IndexValidator": ComponentRecord(True, False, {"infra_blessing": servable}),
        "Trainer": ComponentRecord(True, False, {"model_run": logs}),
        "Pusher": ComponentRecord(True, False, {"pushed_model": pushed}),
    }


def test_a_pushed_model() -> None:
    verdict = judge(components("pushed", REASONS[:1]))
    reason = "every one of 2 checks passed."
    reasons = [*REASONS[:1], *SERVABLE]
    assert verdict == Verdict("pushed", reason, reasons, EVALUATION, training_logs="/logs")
    assert verdict.exit_code == 0


def test_a_model_that_is_served_already() -> None:
    verdict = judge(components("unchanged", REASONS[:1]))
    assert (verdict.outcome, verdict.exit_code) == ("unchanged", 0)
    assert "version 17" in verdict.reason


def test_a_blocked_model_is_told_by_the_checks_that_failed() -> None:
    verdict = judge(components("not_blessed", REASONS))
    assert (verdict.outcome, verdict.exit_code) == ("not_blessed", 3)
    assert verdict.reason == "b 0.1 is below 0.2."
    assert verdict.reasons == [*REASONS, *SERVABLE]
    assert verdict.evaluation == EVALUATION


def test_an_evaluated_model() -> None:
    assert judge_evaluation(components("", REASONS[:1])).outcome == "blessed"
    verdict = judge_evaluation(components("", REASONS))
    assert (verdict.outcome, verdict.exit_code) == ("not_blessed", 3)


@pytest.mark.parametrize(("low", "told"), [(0.01, False), (-0.01, True)])
def test_two_compared_models(low: float, told: bool) -> None:
    intervals = json.dumps({"unseen_top_100_accuracy_gain": [low, 0.04 - low]})
    baseline = json.dumps({"top_100_accuracy": 0.3})
    verdict = judge_evaluation(components("", REASONS, intervals=intervals, baseline=baseline))
    assert (verdict.outcome, verdict.exit_code) == ("compared", 0)
    assert "is 0.0200 above the first's" in verdict.reason
    assert ("may be chance" in verdict.reason) == told


def test_an_unknown_outcome_is_an_error() -> None:
    with pytest.raises(ValueError, match="'lost'"):
        judge(components("lost", REASONS))


def test_a_failure() -> None:
    assert failure("x.") == Verdict("failed", "x.", [], None)
    assert failure("x.").exit_code == 1
