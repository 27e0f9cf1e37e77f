import contextlib
import os
import signal
import time

import pytest

from pipeline.interruption import insistent_interruption


def swallow_interruptions(times: int) -> None:
    """Sleeps through so many, as a library that drops exceptions does, but not the next one."""
    for _ in range(times):
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(5)
    time.sleep(5)


def test_an_interruption_that_is_swallowed_comes_again() -> None:
    with insistent_interruption() as interruption:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            swallow_interruptions(times=2)
        assert time.monotonic() - began < 5
    assert interruption.requested


def test_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with contextlib.suppress(KeyboardInterrupt), insistent_interruption():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
