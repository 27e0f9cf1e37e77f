"""Follows a run through what TFX's LocalDagRunner logs; several of them may be at work."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

LOGGER = "absl"


@dataclasses.dataclass
class ComponentTime:
    """How long a component took, or has taken so far.

    Attributes:
        name: Its id.
        began: Monotonic time of its beginning.
        seconds: Duration, or None while it runs.
        cached: Whether it was answered from the cache.
        failed: Whether an error ended it that ended the run.
    """

    name: str
    began: float
    seconds: float | None = None
    cached: bool = False
    failed: bool = False

    def stop(self) -> None:
        """It runs no longer."""
        self.seconds = time.monotonic() - self.began


def running(times: dict[str, ComponentTime]) -> list[ComponentTime]:
    """The components that run now, in order of their beginnings."""
    # A copy, as another may begin meanwhile.
    return [entry for entry in list(times.values()) if entry.seconds is None]


class ProgressHandler(logging.Handler):
    """Recognises `Component %s is running.` and `Component %s is finished.`.

    Args:
        names: Ids of the components of the pipeline.
        on_begin: Called when a component has begun.
        on_end: Called with the time of a component that has ended.
        times: Filled with the time of each component that begins.
    """

    def __init__(
        self,
        names: list[str],
        on_begin: Callable[[], None],
        on_end: Callable[[ComponentTime], None],
        times: dict[str, ComponentTime],
    ) -> None:
        super().__init__(logging.INFO)
        self._names = set(names)
        self._on_begin = on_begin
        self._on_end = on_end
        self.times = times

    def emit(self, record: logging.LogRecord) -> None:
        """Reacts to the one argument of such a message, whatever else its words are."""
        arguments = record.args
        if not isinstance(arguments, tuple) or len(arguments) != 1:
            return
        name = arguments[0]
        if not isinstance(name, str) or name not in self._names:
            return
        message = str(record.msg).lower()
        if "running" in message and name not in self.times:
            self.times[name] = ComponentTime(name, time.monotonic())
            self._on_begin()
        elif "finished" in message and self.times.get(name) in running(self.times):
            self.times[name].stop()
            self._on_end(self.times[name])
