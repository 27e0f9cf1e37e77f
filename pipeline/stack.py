"""Names the versions that a run used."""

from __future__ import annotations

import platform
from importlib import metadata

# TFX 1.17 is the first that needs a newer glibc than `compat` promises.
_FIRST_CURRENT_MINOR = 17


def stack_name() -> str:
    """`current` or `compat`, as the set-up calls the two sets of versions."""
    return stack_of(metadata.version("tfx"))


def stack_of(tfx_version: str) -> str:
    """The set of versions that a version of TFX belongs to."""
    minor = int(tfx_version.split(".")[1])
    return "compat" if minor < _FIRST_CURRENT_MINOR else "current"


def versions() -> dict[str, str]:
    """Versions of what results depend on."""
    packages = ("tfx", "tensorflow", "tensorflow-recommenders")
    return {
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }
