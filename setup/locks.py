"""Renew the lock files from pyproject.toml and requirements/*.in."""

from __future__ import annotations

from pathlib import Path

from setup.bootstrap import ensure_uv
from setup.environment import ROOT, exclusive, say
from setup.stack import STACKS, Stack
from setup.uv import run_uv

REMEDY = "the versions could not be resolved; relax what conflicts in requirements/*.in"
COMPILE = ["pip", "compile", "--quiet", "--upgrade", "--generate-hashes"]
COMPILE += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]


def renew() -> None:
    """Resolve the newest versions that fit, for both stacks and for uv itself."""
    with exclusive(ROOT) as lock:
        uv = ensure_uv(ROOT)
        folder = Path("requirements")
        for stack in STACKS.values():
            target = _target(stack)
            runtime = folder / f"{stack.name}.txt"
            inputs = ["pyproject.toml", "--extra", "kfp", str(folder / f"{stack.name}.in")]
            inputs += ["--override", str(folder / "overrides.txt")]
            _compile(uv, [*target, *inputs], runtime, lock)
            inputs = ["--group", "dev", "--constraints", str(runtime)]
            _compile(uv, [*target, *inputs], folder / f"{stack.name}-dev.txt", lock)
        oldest = ["--python-version", "3.10"]
        for name in ("build", "compiler"):
            _compile(uv, [*oldest, str(folder / f"{name}.in")], folder / f"{name}.txt", lock)
        foreign = Path("benchmarks") / "foreign_server.in"
        newer = ["--python-platform", "x86_64-manylinux_2_35"]
        _compile(uv, [*oldest, *newer, str(foreign)], foreign.with_suffix(".txt"), lock)
        bootstrap = folder / "bootstrap"
        oldest = ["--python-version", "3.8"]
        _compile(uv, [*oldest, str(bootstrap / "uv.in")], bootstrap / "uv.txt", lock)


def _target(stack: Stack) -> list[str]:
    version = "{}.{}".format(*stack.pythons[0])
    platform = "x86_64-manylinux_{}_{}".format(*stack.minimum_glibc)
    return ["--python-version", version, "--python-platform", platform]


def _compile(uv: Path, arguments: list[str], output: Path, lock: int) -> None:
    say(f"resolving {output}")
    command = [*COMPILE, *arguments, "--output-file", str(output)]
    run_uv(uv, command, ROOT, lock, REMEDY)
