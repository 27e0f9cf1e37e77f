"""What a report of a benchmark has in common: the machine, and tables in Markdown."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands import ROOT


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is aligned to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def gigabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e9:.2f} GB"


def machine() -> str:
    """Commit, processor, cores, memory, load and system, one Markdown line each."""
    processor = _first(r"model name\s*: (.*)", "/proc/cpuinfo") or platform.machine()
    memory = int(_first(r"MemTotal:\s*(\d+) kB", "/proc/meminfo") or 0) * 1024
    system = _first(r'PRETTY_NAME="(.*)"', "/etc/os-release") or platform.system()
    facts = {
        "commit": _commit(),
        "processor": f"{len(os.sched_getaffinity(0))} cores of {processor}",
        "memory": gigabytes(memory),
        "load before the start": f"{os.getloadavg()[0]:.2f} (average of one minute)",
        "system": f"{system}, Python {platform.python_version()}",
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items()) + "\n"


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit} with uncommitted changes" if _git("status", "--porcelain") else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _first(pattern: str, path: str) -> str | None:
    found = re.search(pattern, Path(path).read_text(encoding="utf-8"))
    return found[1] if found else None
