"""Shared libraries that no wheel brings along."""

from __future__ import annotations

import ctypes

from setup.failure import SetupError

# Library, who needs it, and the Debian package that has it; every gcc brings it too.
REQUIRED = (("libgomp.so.1", "the ALS peer (the package implicit)", "libgomp1"),)


def require_libraries(required: tuple[tuple[str, str, str], ...] = REQUIRED) -> None:
    """Fail, before anything is downloaded, if a library is missing."""
    for library, needed_by, package in required:
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise SetupError(
                f"{library} is missing, which {needed_by} needs: install it, on Debian with "
                f"apt-get install {package}, then try again."
            ) from error
