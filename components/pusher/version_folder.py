"""The folder of a model's versions, as TensorFlow Serving reads it; loads without TFX.

It may be on an object store, where nothing can be renamed at once: a version is there when its
saved_model.pb is, which is written last.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import time

from components import files
from components.provenance.files import digest

# How the name of a folder ends that is not a version, or no longer.
INCOMPLETE = ".incomplete"
_SAVED_MODEL = "saved_model.pb"


def versions(base: str) -> list[int]:
    """The complete versions in `base`, which need not exist, oldest first."""
    numbers = sorted(int(n) for n in files.list_folder(base) if re.fullmatch(r"[0-9]+", n))
    if files.is_remote(base):
        numbers = [number for number in numbers if _is_complete(os.path.join(base, str(number)))]
    return numbers


def current_version(base: str) -> int | None:
    """The version that servers of `base` use: the highest number, or None if there is none."""
    found = versions(base)
    return found[-1] if found else None


def push(model: str, base: str) -> int:
    """Copies `model` to a new version folder of `base` and returns the version.

    The version is the time in seconds, or the one after the current where that is not higher. The
    folder appears under its number only when it is complete: servers that poll see all or nothing.
    On an object store, where that cannot be had, its saved_model.pb appears when all the rest has.
    """
    files.make_folder(base)
    version = max(int(time.time()), (current_version(base) or 0) + 1)
    clear_incomplete(base)
    folder = os.path.join(base, str(version))
    if files.is_remote(base):
        names = files.list_files(model)
        files.copy_files(model, sorted(names, key=lambda name: name == _SAVED_MODEL), folder)
        return version
    unfinished = _incomplete(base, version)
    if files.is_remote(model):
        files.copy_files(model, files.list_files(model), unfinished)
    else:
        shutil.copytree(model, unfinished)
    os.rename(unfinished, folder)
    return version


def remove(version: int, base: str) -> None:
    """Removes a version folder of `base`; servers that poll see all of it or nothing."""
    unfinished = _incomplete(base, version)
    os.rename(os.path.join(base, str(version)), unfinished)
    shutil.rmtree(unfinished)


def clear_incomplete(base: str) -> None:
    """Deletes what a push or a removal that was killed left in `base`."""
    for name in files.list_folder(base):
        folder = os.path.join(base, name)
        is_cut = files.is_remote(base) and name.isdigit() and not _is_complete(folder)
        if name.endswith(INCOMPLETE) or is_cut:
            files.remove_folder(folder)


def same_tree(one: str, other: str) -> bool:
    """Whether two folders hold the same files with the same contents."""
    names = files.list_files(one)
    if names != files.list_files(other):
        return False
    pairs = [(os.path.join(one, name), os.path.join(other, name)) for name in names]
    if files.is_remote(one) or files.is_remote(other):
        return all(files.read(first) == files.read(second) for first, second in pairs)
    return all(filecmp.cmp(first, second, shallow=False) for first, second in pairs)


def tree_sha256(folder: str) -> str:
    """`digest(folder).sha256`."""
    return digest(folder).sha256


def _incomplete(base: str, version: int) -> str:
    return os.path.join(base, f".{version}{INCOMPLETE}")


def _is_complete(folder: str) -> bool:
    return _SAVED_MODEL in files.list_folder(folder)
