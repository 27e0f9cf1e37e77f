"""Follows a run through the log messages of TFX's LocalDagRunner."""

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
    """

    name: str
    began: float
    seconds: float | None = None
    cached: bool = False


def current_component(times: dict[str, ComponentTime]) -> str | None:
    """The component that runs now, or that an error ended."""
    return next((entry.name for entry in times.values() if entry.seconds is None), None)


class ProgressHandler(logging.Handler):
    """Recognises `Component %s is running.` and `Component %s is finished.`.

    Args:
        names: Ids of the components of the pipeline.
        on_begin: Called with the id of a component that begins.
        on_end: Called with the time of a component that has ended.
        times: Filled with the time of each component that begins.
    """

    def __init__(
        self,
        names: list[str],
        on_begin: Callable[[str], None],
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
            self._on_begin(name)
        elif "finished" in message and current_component(self.times) == name:
            self._end(name)

    def _end(self, name: str) -> None:
        ended = self.times[name]
        ended.seconds = time.monotonic() - ended.began
        self._on_end(ended)
