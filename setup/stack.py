"""The two sets of versions that the project supports, and the choice between them."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from typing import Mapping

from setup.failure import SetupError

OVERRIDE = "RETRIEVAL_STACK"


@dataclass(frozen=True)
class Stack:
    """One tested set of versions."""

    name: str
    label: str
    pythons: tuple[tuple[int, int], ...]
    """Fitting Python versions, the preferred one first."""
    minimum_glibc: tuple[int, int]
    compiles: bool
    """Whether a package of the lock has C++ sources only, no wheel."""

    @property
    def python_names(self) -> str:
        """The fitting Python versions, for a message."""
        return " or ".join(f"{major}.{minor}" for major, minor in self.pythons)


CURRENT = Stack(
    name="current",
    label="TFX 1.21.0, TensorFlow 2.21",
    pythons=((3, 11), (3, 12)),
    minimum_glibc=(2, 39),
    compiles=False,
)
COMPAT = Stack(
    name="compat",
    label="TFX 1.16.0, TensorFlow 2.16.2",
    pythons=((3, 10),),
    minimum_glibc=(2, 28),
    compiles=True,
)
STACKS = {stack.name: stack for stack in (CURRENT, COMPAT)}


def parse_glibc(text: str | None) -> tuple[int, int] | None:
    """Read `glibc 2.36`; None where the C library is another one."""
    match = re.match(r"glibc (\d+)\.(\d+)", text or "")
    return (int(match.group(1)), int(match.group(2))) if match else None


def read_glibc() -> tuple[int, int] | None:
    """The version of this machine's glibc; None where it has none."""
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return None
    return parse_glibc(os.confstr("CS_GNU_LIBC_VERSION"))


def choose_stack(
    glibc: tuple[int, int] | None, machine: str, environment: Mapping[str, str]
) -> tuple[Stack, str]:
    """The stack for a machine, and why."""
    if glibc is None or machine != "x86_64":
        raise SetupError(
            "TFX publishes its wheels for Linux with glibc on x86_64 only, and this is "
            f"{platform.system()} on {machine}{'' if glibc else ' without glibc'}; "
            "run the project on such a machine or in a Debian container."
        )
    version = f"{glibc[0]}.{glibc[1]}"
    if glibc < COMPAT.minimum_glibc:
        oldest = f"{COMPAT.minimum_glibc[0]}.{COMPAT.minimum_glibc[1]}"
        raise SetupError(
            f"the project needs glibc {oldest} or newer and this machine has {version}; "
            "use Debian 12, Ubuntu 22.04 or newer."
        )
    needed = f"{CURRENT.minimum_glibc[0]}.{CURRENT.minimum_glibc[1]}"
    asked = environment.get(OVERRIDE, "")
    if asked:
        if asked not in STACKS:
            raise SetupError(
                f"{OVERRIDE}={asked} names no stack; set it to {' or '.join(sorted(STACKS))}, "
                "or unset it."
            )
        stack = STACKS[asked]
        if glibc < stack.minimum_glibc:
            raise SetupError(
                f"the stack {stack.name} needs glibc {needed} or newer and this machine has "
                f"{version}; unset {OVERRIDE}, or use Debian 13, Ubuntu 24.04 or newer."
            )
        return stack, f"{OVERRIDE} asks for it"
    if glibc >= CURRENT.minimum_glibc:
        return CURRENT, f"glibc is {version}"
    return COMPAT, f"glibc is {version} and the newest TFX needs {needed}"
