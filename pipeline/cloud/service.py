"""What `submit` needs of a service that runs pipelines, and waiting for a run of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from pipeline.cloud.run_state import RunState


class Service(Protocol):
    """A service; every method raises `ServiceError`, one sentence, where it does not answer."""

    def request(self, job: dict[str, Any], run_name: str, cron: str | None) -> dict[str, Any]:
        """The body of what `submit` or `schedule` would send."""

    def submit(self, job: dict[str, Any], run_name: str) -> str:
        """Starts a run and returns its address for people."""

    def schedule(self, job: dict[str, Any], name: str, cron: str) -> str:
        """Makes a schedule and returns its address for people."""

    def state(self) -> RunState:
        """The run that `submit` started, as it is now."""


def wait(service: Service, tell: Callable[[str], None], seconds: float) -> RunState:
    """Waits for the end of a run, and tells of each task that changes.

    Args:
        service: The service, which has started it.
        tell: Receives lines for people.
        seconds: Time between two questions.
    """
    told: dict[str, str] = {}
    while True:
        run = service.state()
        for task, state in run.tasks.items():
            if told.get(task) != state:
                told[task] = state
                tell(f"{task:<22}{state}")
        if run.ended:
            return run
        time.sleep(seconds)
