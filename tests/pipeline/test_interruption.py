import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from pipeline.interruption import INTERRUPTED, insistent_interruption


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


@pytest.mark.parametrize("exit_code", [INTERRUPTED, 3])
def test_only_an_interrupted_process_leaves_its_threads_behind(exit_code: int) -> None:
    program = f"""
        import threading, time
        from pipeline.interruption import leave
        threading.Thread(target=lambda: (time.sleep(2), print("the thread has ended"))).start()
        print("bye", end="")
        leave({exit_code})
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == exit_code
    assert ("the thread has ended" in finished.stdout) == (exit_code != INTERRUPTED)
    assert finished.stdout.startswith("bye")
