"""Checks of the folders that a run writes to."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from pipeline.doctor.finding import Finding
from pipeline.output_lock import LOCK_NAME, OWNER_NAME


def nearest_existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def check_writable(subject: str, folder: Path) -> Finding:
    """Whether files can be made in a folder; nothing of it is left.

    Args:
        subject: What it is the folder of.
        folder: The folder, which need not exist.
    """
    place = nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
    except OSError as error:
        return Finding(
            subject,
            "error",
            f"{place} cannot be written to: {error.strerror}",
            "change its owner or permissions, or name another folder",
        )
    state = "can be written to" if folder.exists() else "does not exist yet, and can be made"
    return Finding(subject, "ok", f"{folder} {state}")


def check_lock(output: Path) -> Finding:
    """Whether another run works on an output folder, or one was killed while it did."""
    lock, owner = output / LOCK_NAME, output / OWNER_NAME
    held = lock.exists() and _is_held(lock)
    process = owner.read_text(encoding="utf-8").strip() if owner.exists() else ""
    if held:
        return Finding(
            "lock",
            "error",
            f"a run (process {process or 'unknown'}) is working on {output}",
            "wait until it ends, or name another folder with --output",
        )
    if process:
        return Finding(
            "lock",
            "warning",
            f"process {process} was killed while it worked on {output}; its lock is free",
            "none is needed: the next run goes on where it was",
        )
    return Finding("lock", "ok", "no other run is working on the output folder")


def _is_held(lock: Path) -> bool:
    # Shared, for a moment, and without the truncation of FileLock.
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
