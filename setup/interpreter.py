"""Find a Python that a stack runs on."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Mapping

from setup.stack import Stack

PROBE = """
import json, os, sys, sysconfig
variables = [sysconfig.get_config_var(name) or "" for name in ("CC", "CXX")]
print(json.dumps({
    "version": sys.version_info[:3],
    "implementation": sys.implementation.name,
    "headers": os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")),
    "compilers": [value.split()[0] for value in variables if value.split()],
}))
"""
PROBE_SECONDS = 60


@dataclass(frozen=True)
class Facts:
    """What a candidate said about itself, or why it said nothing."""

    version: tuple[int, ...] = ()
    implementation: str = ""
    headers: bool = False
    compilers: tuple[str, ...] = ()
    """The programs that it compiles extensions with."""
    failure: str = ""

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Choice:
    """The first fitting candidate (None if no candidate fits), and why others were passed over."""

    executable: Path | None
    facts: Facts
    rejected: tuple[str, ...]


def probe(executable: Path) -> Facts:
    """Run a candidate: a shim may exist and yet start no Python."""
    try:
        result = subprocess.run(
            [str(executable), "-I", "-c", PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Facts(failure=type(error).__name__)
    if result.returncode != 0:
        return Facts(failure=f"exit status {result.returncode}")
    try:
        answer = json.loads(result.stdout)
    except ValueError:
        return Facts(failure="no answer")
    return Facts(
        version=tuple(answer["version"]),
        implementation=answer["implementation"],
        headers=answer["headers"],
        compilers=tuple(answer["compilers"]),
    )


def candidates(stack: Stack, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where a fitting Python may be: PATH, then pyenv's versions, for each version in turn."""
    folders = [Path(entry) for entry in environment.get("PATH", "").split(os.pathsep) if entry]
    found: list[Path] = []
    for major, minor in stack.pythons:
        name = f"python{major}.{minor}"
        found += [folder / name for folder in folders]
        found += sorted(
            (home / ".pyenv" / "versions").glob(f"{major}.{minor}.*/bin/{name}"),
            key=lambda path: _patch_number(path.parent.parent.name),
            reverse=True,
        )
    found += [folder / "python3" for folder in folders]
    executables = [path for path in found if os.access(path, os.X_OK)]
    return list(dict.fromkeys(executables))


def _patch_number(version: str) -> int:
    digits = version.split(".")[-1]
    return int(digits) if digits.isdigit() else -1


def choose_interpreter(
    stack: Stack, paths: Iterable[Path], ask: Callable[[Path], Facts] = probe
) -> Choice:
    """Ask the candidates in their order and take the first that fits."""
    rejected: list[str] = []
    for path in paths:
        facts = ask(path)
        reason = _objection(stack, facts)
        if not reason:
            return Choice(path, facts, tuple(rejected))
        rejected.append(f"{path} ({reason})")
    return Choice(None, Facts(), tuple(rejected))


def _objection(stack: Stack, facts: Facts) -> str:
    if facts.failure:
        return facts.failure
    if facts.implementation != "cpython":
        return facts.implementation
    if facts.version[:2] not in stack.pythons:
        return facts.version_text
    if stack.compiles and not facts.headers:
        return "without its C headers"
    return ""
