"""Checks of disk and memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.doctor.finding import Finding
from pipeline.doctor.folders import nearest_existing

_GIGABYTE = 10**9
# A run on MovieLens 100K leaves a twentieth of it; libraries and temporary files want the rest.
NEEDED_DISK = _GIGABYTE
# The peak of a run on a hundred thousand events, and a little more.
NEEDED_MEMORY = 2 * _GIGABYTE
_MEMORY_FACTS = Path("/proc/meminfo")
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_disk(subject: str, folder: Path, needed: int = NEEDED_DISK) -> Finding:
    """Whether there is room in a folder.

    Args:
        subject: What it is the folder of.
        folder: The folder, which need not exist.
        needed: How many bytes have to be free.
    """
    free = shutil.disk_usage(nearest_existing(folder)).free
    sentence = f"{_gigabytes(free)} free for {folder}"
    if free < needed:
        return Finding(
            subject,
            "error",
            f"only {sentence}, and a run wants {_gigabytes(needed)}",
            "make room, for example with runner.py prune, or name another folder",
        )
    return Finding(subject, "ok", sentence)


def check_memory(
    needed: int = NEEDED_MEMORY, facts: Path = _MEMORY_FACTS, limit: Path = _MEMORY_LIMIT
) -> Finding:
    """Whether there is memory for a run.

    Args:
        needed: How many bytes it takes.
        facts: What Linux says of its memory.
        limit: The file with the limit of this container; it need not exist.
    """
    values = dict(line.split(":", 1) for line in facts.read_text().splitlines())
    total, available = (
        int(values[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable")
    )
    allowed = limit.read_text().strip() if limit.is_file() else "max"
    if allowed != "max":
        total, available = min(total, int(allowed)), min(available, int(allowed))
    if total < needed:
        return Finding(
            "memory",
            "error",
            f"{_gigabytes(total)} in all, and a run takes {_gigabytes(needed)}",
            "use a larger machine, or raise the limit of the container",
        )
    if available < needed:
        return Finding(
            "memory",
            "warning",
            f"only {_gigabytes(available)} of {_gigabytes(total)} available, and a run takes"
            f" {_gigabytes(needed)}",
            "end other programs first",
        )
    return Finding("memory", "ok", f"{_gigabytes(available)} of {_gigabytes(total)} available")


def _gigabytes(size: int) -> str:
    return f"{size / _GIGABYTE:,.1f} GB"
