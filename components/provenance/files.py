"""A checksum over the files of a folder; of one on this machine it loads without TFX."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from typing import IO, Any

_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Digest:
    """What the files of a folder are.

    Attributes:
        sha256: SHA-256 (hexadecimal) over the sorted relative paths of all files and the SHA-256
            of their contents.
        size: Bytes of all files.
    """

    sha256: str
    size: int


def digest(place: str) -> Digest:
    """Reads all files of a folder, or a single file.

    Args:
        place: Its path, or the URI of one on a filesystem that TFX knows.

    Raises:
        OSError: There is none, or a file cannot be read.
    """
    is_folder = _exists(place, folder=True)
    if not is_folder and not _exists(place, folder=False):
        raise FileNotFoundError(f"{place} does not exist")
    names = relative_paths(place) if is_folder else [""]
    total, size = hashlib.sha256(), 0
    for name in names:
        contents = hashlib.sha256()
        with _open(os.path.join(place, name) if name else place) as stream:
            while chunk := stream.read(_CHUNK):
                contents.update(chunk)
                size += len(chunk)
        total.update(os.fsencode(name) + f"\0{contents.hexdigest()}\n".encode())
    return Digest(total.hexdigest(), size)


def bytes_on_disk(place: str) -> int | None:
    """Bytes of a folder or a file; None where there is none, or it is not on this machine."""
    if is_remote(place) or not os.path.exists(place):
        return None
    if os.path.isfile(place):
        return os.path.getsize(place)
    return sum(os.path.getsize(os.path.join(place, name)) for name in relative_paths(place))


def relative_paths(folder: str) -> list[str]:
    """Sorted relative paths of all files below a folder; links are followed."""
    walked = _fileio().walk(folder) if is_remote(folder) else os.walk(folder, followlinks=True)
    paths = (os.path.join(root, name) for root, _, names in walked for name in names)
    return sorted(os.path.relpath(path, folder) for path in paths)


def is_remote(place: str) -> bool:
    """Whether a place is not on a filesystem of this machine."""
    return "://" in place


def _exists(place: str, folder: bool) -> bool:
    if is_remote(place):
        return bool(_fileio().isdir(place) if folder else _fileio().exists(place))
    return os.path.isdir(place) if folder else os.path.isfile(place)


def _open(path: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if is_remote(path):
        return _fileio().open(path, "rb")  # type: ignore[no-any-return]
    return open(path, "rb")


def _fileio() -> Any:
    from tfx.dsl.io import fileio

    return fileio
