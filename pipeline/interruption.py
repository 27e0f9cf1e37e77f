"""Makes Ctrl-C end a run, whatever libraries and threads are doing."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
_SECONDS_BETWEEN = 0.5


class Interruption:
    """Whether the run was asked to stop.

    Attributes:
        requested: Whether it was, so far.
    """

    def __init__(self) -> None:
        self.requested = False

    def raise_and_insist(self, signal_number: int, frame: FrameType | None) -> None:
        """Signal handler that raises KeyboardInterrupt, now and until it has got through."""
        self.requested = True
        # TensorFlow drops exceptions that arise in some of its callbacks into Python.
        signal.setitimer(signal.ITIMER_REAL, _SECONDS_BETWEEN)
        raise KeyboardInterrupt


@contextlib.contextmanager
def insistent_interruption() -> Iterator[Interruption]:
    """Handles SIGINT, in the main thread, until the block is left."""
    interruption = Interruption()
    earlier = {
        number: signal.signal(number, interruption.raise_and_insist)
        for number in (signal.SIGINT, signal.SIGALRM)
    }
    try:
        yield interruption
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in earlier.items():
            signal.signal(number, handler)


def leave(exit_code: int) -> NoReturn:
    """Ends the process.

    Args:
        exit_code: Its exit code; if it is `INTERRUPTED`, components may still be running in
            threads, which are not waited for. What they leave is cleared up by the next run, as
            after one that was killed.
    """
    if exit_code == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    sys.exit(exit_code)
