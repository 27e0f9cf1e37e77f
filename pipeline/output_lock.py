"""Lets one run at a time work on an output folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.failure import OutputError

LOCK_NAME = ".lock"
OWNER_NAME = ".lock-owner"


@contextlib.contextmanager
def locked_output(output: Path) -> Iterator[None]:
    """Holds the lock of an output folder, which is made where it is missing.

    The operating system releases the lock when its process ends, however it ends.

    Raises:
        OutputError: Another run holds the lock, or the folder cannot be written to.
    """
    owner = output / OWNER_NAME
    # Opening the lock's own file empties it, so the owner is written beside it.
    lock = FileLock(output / LOCK_NAME)
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            f"another run ({_owner(owner)}) is working on {output}: wait until it ends, or choose"
            " another folder with --output."
        ) from error
    except OSError as error:
        raise OutputError(
            f"the output folder {output} cannot be used: {error.strerror}."
        ) from error
    try:
        owner.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _owner(path: Path) -> str:
    try:
        return f"process {int(path.read_text(encoding='utf-8'))}"
    except (FileNotFoundError, ValueError):
        return "it has only just begun"  # the lock is taken a moment before the owner is written
