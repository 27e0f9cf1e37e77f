"""Runs a command and measures it from outside."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_BYTES_PER_KIB = 1024
_LONGEST_EXCERPT = 2_000


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One run of a command.

    Attributes:
        wall: Seconds until it ended.
        cpu: Processor seconds of it and of the child processes that it waited for.
        peak_bytes: Largest resident memory of any one of these processes. The kernel counts from
            the fork, so it is never below what the measuring process itself held: keep that small.
        result: The JSON object in the last line of its standard output.
    """

    wall: float
    cpu: float
    peak_bytes: int
    result: dict[str, Any]


def measure(command: Sequence[str], accepted: Collection[int] = (0,)) -> Measurement:
    """Runs a command whose last line of output is a JSON object, from the repository's root.

    Args:
        command: Program and arguments.
        accepted: Exit codes that count as success.

    Raises:
        RuntimeError: It ended with another code.
    """
    # Without bytecode files each process compiles thousands of modules again.
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        # Only wait4 tells what this one process used.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode not in accepted:
            said = errors.read().decode(errors="replace")[-_LONGEST_EXCERPT:]
            raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}:\n{said}")
        lines = output.read().decode().splitlines()
    return Measurement(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * _BYTES_PER_KIB,
        result=json.loads(lines[-1]),
    )
