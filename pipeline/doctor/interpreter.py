"""Checks of Python, the C library and the environment's variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from pipeline.doctor.finding import Finding
from setup.failure import SetupError
from setup.libraries import REQUIRED, require_libraries
from setup.stack import Stack, choose_stack

_SET_UP = "make the environment again with make setup"


def check_interpreter(
    stack: Stack, version: Sequence[int] = tuple(sys.version_info[:3])
) -> Finding:
    """Whether the stack runs on this Python."""
    name = ".".join(map(str, version))
    if tuple(version[:2]) in stack.pythons:
        return Finding("Python", "ok", f"Python {name}, {sys.executable}")
    return Finding(
        "Python",
        "error",
        f"this is Python {name}, and the stack {stack.name} runs on {stack.python_names}",
        f"{_SET_UP}, and use .venv/bin/python",
    )


def check_stack(
    stack: Stack, glibc: tuple[int, int] | None, machine: str, environment: Mapping[str, str]
) -> Finding:
    """Whether this machine can run the stack that is installed, and would choose it.

    Args:
        stack: The stack that is installed.
        glibc: Version of the C library; None where it is another one.
        machine: Its architecture.
        environment: Its variables.
    """
    try:
        chosen, reason = choose_stack(glibc, machine, environment)
    except SetupError as error:
        return Finding("stack", "error", *_halves(str(error)))
    if glibc is None or glibc < stack.minimum_glibc:
        needed, found = (".".join(map(str, value or ())) for value in (stack.minimum_glibc, glibc))
        return Finding(
            "stack",
            "error",
            f"{stack.label} needs glibc {needed}, and this machine has {found}",
            _SET_UP,
        )
    if chosen != stack:
        return Finding(
            "stack",
            "note",
            f"{stack.name} ({stack.label}); make setup would choose {chosen.name}: {reason}",
        )
    return Finding("stack", "ok", f"{stack.name} ({stack.label}): {reason}")


def check_libraries(required: tuple[tuple[str, str, str], ...] = REQUIRED) -> Finding:
    """Whether the shared libraries are there that no wheel brings along."""
    try:
        require_libraries(required)
    except SetupError as error:
        return Finding("libraries", "error", *_halves(str(error)))
    return Finding("libraries", "ok", ", ".join(library for library, _, _ in required))


def check_variables(environment: Mapping[str, str]) -> list[Finding]:
    """Whether variables are set that change how a run works."""
    found = []
    if environment.get("PYTHONDONTWRITEBYTECODE"):
        found.append(
            Finding(
                "environment",
                "warning",
                "PYTHONDONTWRITEBYTECODE is set: where packages are not compiled yet, every start"
                " compiles about 7,500 modules again",
                "unset PYTHONDONTWRITEBYTECODE",
            )
        )
    legacy = environment.get("TF_USE_LEGACY_KERAS")
    if legacy != "1":
        found.append(
            Finding(
                "environment",
                "error",
                f"TF_USE_LEGACY_KERAS is {legacy or 'not set'}, and TensorFlow Recommenders needs"
                " Keras 2",
                "use runner.py, which sets it, or set TF_USE_LEGACY_KERAS=1",
            )
        )
    return found or [Finding("environment", "ok", "TF_USE_LEGACY_KERAS=1")]


def _halves(sentence: str) -> tuple[str, str]:
    """What is wrong, and the remedy, which set-up errors put behind a semicolon or colon."""
    mark = ";" if ";" in sentence else ":"
    problem, _, remedy = sentence.rstrip(".").rpartition(mark)
    return problem.strip(), remedy.strip()
