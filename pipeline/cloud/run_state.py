"""What a service says of a run, and the verdict that follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pipeline.cloud.job import PUSHER, VERDICT
from pipeline.verdict import Outcome, failed_checks

State = Literal["waiting", "running", "succeeded", "failed", "cancelled"]


@dataclasses.dataclass(frozen=True)
class RunState:
    """A run at one moment.

    Attributes:
        state: Of the whole run.
        tasks: State by task, as far as they have begun.
        errors: What the service says of a task that failed, by task.
        outcome: What the Pusher recorded; None where the service does not tell, or not yet.
        reasons: Checks of the gate and of the IndexValidator; None where the service does not tell.
    """

    state: State
    tasks: Mapping[str, State]
    errors: Mapping[str, str] = dataclasses.field(default_factory=dict)
    outcome: str | None = None
    reasons: list[dict[str, Any]] | None = None

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.state in ("succeeded", "failed", "cancelled")


def verdict_of(run: RunState) -> tuple[Outcome, str]:
    """What became of the model of a run that has ended, and why, in one sentence."""
    failed = [task for task, state in run.tasks.items() if state == "failed"]
    if run.state == "succeeded":
        if run.outcome == "unchanged":
            return "unchanged", "the model is the one already served."
        # The last task of a run whose model was not blessed fails.
        return "pushed", "the run succeeded, so that the model served is the one it made."
    if run.state == "cancelled":
        return "failed", "the run was cancelled."
    if failed == [VERDICT]:
        reasons = failed_checks(run.reasons or [])
        told = reasons or f"the log of the task {VERDICT} says why, and {PUSHER} pushed nothing"
        return "not_blessed", f"{told}."
    if not failed:
        return "failed", "the run failed before any task did."
    said = run.errors.get(failed[0], "")
    return "failed", f"task {failed[0]} failed{': ' + said.rstrip('.') if said else ''}."
