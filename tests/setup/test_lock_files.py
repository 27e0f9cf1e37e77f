"""What the lock files have to hold."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from setup.bootstrap import PIP_SHA256, PIP_WHEEL, pinned_version
from setup.environment import ROOT, lock_files
from setup.stack import STACKS

REQUIREMENTS = ROOT / "requirements"
LOCKS = sorted({path for stack in STACKS.values() for path in lock_files(ROOT, stack)})
LOCKS += [REQUIREMENTS / "compiler.txt", REQUIREMENTS / "bootstrap" / "uv.txt"]
LOCKS += [ROOT / "benchmarks" / "foreign_server.txt"]


def entries(path: Path) -> dict[str, tuple[str, int]]:
    """The version and the number of hashes of each requirement of a lock file."""
    found: dict[str, tuple[str, int]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", path.read_text()):
        match = re.match(r"([A-Za-z0-9._-]+)==(\S+)", block)
        if match:
            found[match.group(1)] = (match.group(2), len(re.findall(r"--hash=sha256:", block)))
    return found


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes(path: Path) -> None:
    found = entries(path)
    lines = [line for line in path.read_text().splitlines() if re.match(r"[^\s#]", line)]
    assert len(found) == len(lines) > 0
    assert [name for name, (_, hashes) in found.items() if not hashes] == []


@pytest.mark.parametrize("path", [*LOCKS, *REQUIREMENTS.rglob("*.in")], ids=lambda path: path.name)
def test_no_index_is_named(path: Path) -> None:
    assert re.findall(r"://|index-url|find-links", path.read_text()) == []


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (
            "compat",
            {"tfx": "1.16.0", "tensorflow": "2.16.2", "tf-keras": "2.16.0", "kfp": "2.5.0"},
        ),
        (
            "current",
            {"tfx": "1.21.0", "tensorflow": "2.21.0", "tf-keras": "2.21.0", "kfp": "2.16.1"},
        ),
    ],
)
def test_the_stacks_hold_the_tested_versions(stack: str, expected: dict[str, str]) -> None:
    found = entries(REQUIREMENTS / f"{stack}.txt")
    assert {name: found[name][0] for name in expected} == expected
    assert found["tensorflow-recommenders"][0] == "0.7.7"
    assert "dill" in found


@pytest.mark.parametrize("stack", STACKS)
def test_development_agrees_with_runtime(stack: str) -> None:
    runtime = entries(REQUIREMENTS / f"{stack}.txt")
    development = entries(REQUIREMENTS / f"{stack}-dev.txt")
    common = runtime.keys() & development.keys()
    assert {name: development[name] for name in common} == {name: runtime[name] for name in common}
    assert {"pytest", "mypy", "ruff"} <= development.keys() - runtime.keys()


def test_the_bootstrap_wheel_is_the_one_that_was_published() -> None:
    wheel = REQUIREMENTS / "bootstrap" / PIP_WHEEL
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == PIP_SHA256


def test_uv_is_pinned_once() -> None:
    pinned = pinned_version((REQUIREMENTS / "bootstrap" / "uv.txt").read_text())
    assert (REQUIREMENTS / "bootstrap" / "uv.in").read_text().strip() == f"uv=={pinned}"
