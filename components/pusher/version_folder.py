"""The folder of a model's versions, as TensorFlow Serving reads it; loads without TFX."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import time

from components.provenance.files import bytes_on_disk, digest, relative_paths

# How the name of a folder ends that is not a version, or no longer.
INCOMPLETE = ".incomplete"


def current_version(base: str) -> int | None:
    """The version that servers of `base` use: the highest number, or None if there is none."""
    if not os.path.isdir(base):
        return None
    versions = [int(name) for name in os.listdir(base) if re.fullmatch(r"[0-9]+", name)]
    return max(versions, default=None)


def push(model: str, base: str) -> int:
    """Copies `model` to a new version folder of `base` and returns the version.

    The version is the time in seconds, or the one after the current where that is not higher. The
    folder appears under its number only when it is complete: servers that poll see all or nothing.
    """
    os.makedirs(base, exist_ok=True)
    version = max(int(time.time()), (current_version(base) or 0) + 1)
    unfinished = _incomplete(base, version)
    clear_incomplete(base)
    shutil.copytree(model, unfinished)
    os.rename(unfinished, os.path.join(base, str(version)))
    return version


def remove(version: int, base: str) -> None:
    """Removes a version folder of `base`; servers that poll see all of it or nothing."""
    unfinished = _incomplete(base, version)
    os.rename(os.path.join(base, str(version)), unfinished)
    shutil.rmtree(unfinished)


def clear_incomplete(base: str) -> None:
    """Deletes what a push or a removal that was killed left in `base`."""
    for name in os.listdir(base):
        if name.endswith(INCOMPLETE):
            shutil.rmtree(os.path.join(base, name))


def same_tree(one: str, other: str) -> bool:
    """Whether two folders hold the same files with the same contents."""
    files = relative_paths(one)
    if files != relative_paths(other):
        return False
    return all(
        filecmp.cmp(os.path.join(one, name), os.path.join(other, name), shallow=False)
        for name in files
    )


def tree_sha256(folder: str) -> str:
    """`digest(folder).sha256`."""
    return digest(folder).sha256


def tree_size(folder: str) -> int:
    """Bytes of all files below a folder."""
    return bytes_on_disk(folder) or 0


def _incomplete(base: str, version: int) -> str:
    return os.path.join(base, f".{version}{INCOMPLETE}")
