"""Wall and CPU seconds of the steps of one process, its start included."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Seconds:
    """How long something took.

    Attributes:
        wall: Seconds that went by.
        cpu: Seconds that all threads, and ended child processes, spent on processors.
    """

    wall: float
    cpu: float

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall - other.wall, self.cpu - other.cpu)


def since_process_start() -> Seconds:
    """Seconds since the kernel started this process, to a hundredth."""
    # The name, in brackets, may hold spaces; the start is the 20th field after it, in ticks.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Seconds(now - started, sum(one.ru_utime + one.ru_stime for one in usage))


class Stopwatch:
    """Takes the time of named steps.

    Attributes:
        steps: Seconds by name of step.
    """

    def __init__(self) -> None:
        self.steps: dict[str, Seconds] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times the body of a with statement; a body that raises is not recorded."""
        before = since_process_start()
        yield
        self.steps[name] = since_process_start() - before
