"""The versions of the packages that results depend on."""

from __future__ import annotations

import functools
import platform
from importlib import metadata

PACKAGES = (
    "apache-beam",
    "implicit",
    "ml-metadata",
    "numpy",
    "pyarrow",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-recommenders",
    "tensorflow-transform",
    "tf-keras",
    "tfx",
)


@functools.lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Versions of Python and of `PACKAGES` in this environment, by name."""
    return {
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in PACKAGES},
    }
