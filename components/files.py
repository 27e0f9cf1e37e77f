"""Folders that may be on an object store; those of this machine are read without TensorFlow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any


def is_remote(path: str) -> bool:
    """Whether a path is a URL, such as gs://bucket/folder."""
    return "://" in path


def exists(path: str) -> bool:
    """Whether there is a file or a folder."""
    return bool(_gfile().exists(path)) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Whether a path is that of a folder."""
    return bool(_gfile().isdir(path)) if is_remote(path) else os.path.isdir(path)


def list_folder(folder: str) -> list[str]:
    """Names of what is in a folder; none where there is no such folder."""
    if not is_folder(folder):
        return []
    if is_remote(folder):
        # They mark folders by a slash at the end.
        return [name.rstrip("/") for name in _gfile().listdir(folder)]
    return os.listdir(folder)


def list_files(folder: str) -> list[str]:
    """Sorted paths, relative to a folder, of all files below it; links are followed."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, names in _walk(folder)
        for name in names
    )


def open_file(path: str, mode: str = "rb") -> IO[Any]:
    """Opens a file."""
    opener = _gfile().GFile if is_remote(path) else open
    opened: IO[Any] = opener(path, mode)
    return opened


def read(path: str) -> bytes:
    """The bytes of a file."""
    with open_file(path) as stream:
        contents: bytes = stream.read()
    return contents


def size(path: str) -> int:
    """Bytes of a file of this machine, or of all files below a folder of it."""
    if is_folder(path):
        return sum(os.path.getsize(os.path.join(path, name)) for name in list_files(path))
    return os.path.getsize(path)


def modified_at(path: str) -> float:
    """When a file was written, in seconds since 1970."""
    if is_remote(path):
        return float(_gfile().stat(path).mtime_nsec / 1e9)
    return Path(path).stat().st_mtime


def copy_files(source: str, names: Iterable[str], destination: str) -> None:
    """Copies files of a folder into another, which is made where it is missing, in their order."""
    for name in names:
        path = os.path.join(destination, name)
        make_folder(os.path.dirname(path))
        with open_file(os.path.join(source, name)) as original, open_file(path, "wb") as copy:
            shutil.copyfileobj(original, copy, 1 << 20)


def make_folder(folder: str) -> None:
    """Makes a folder and those above it, where they are missing."""
    if is_remote(folder):
        _gfile().makedirs(folder)
    else:
        Path(folder).mkdir(parents=True, exist_ok=True)


def remove_folder(folder: str) -> None:
    """Removes a folder and all that is in it."""
    if is_remote(folder):
        _gfile().rmtree(folder)
    else:
        shutil.rmtree(folder)


def _walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    walked = _gfile().walk(folder) if is_remote(folder) else os.walk(folder, followlinks=True)
    return ((parent, names) for parent, _, names in walked)


def _gfile() -> Any:
    # Slow to load.
    import tensorflow as tf

    return tf.io.gfile
