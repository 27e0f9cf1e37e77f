"""A checksum over the files of a folder; of one on this machine it loads without TensorFlow."""

from __future__ import annotations

import dataclasses
import hashlib
import os

from components import files

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
        place: Its path, or the URL of one on an object store.

    Raises:
        OSError: There is none, or a file cannot be read.
    """
    if not files.exists(place):
        raise FileNotFoundError(f"{place} does not exist")
    names = files.list_files(place) if files.is_folder(place) else [""]
    total, size = hashlib.sha256(), 0
    for name in names:
        contents = hashlib.sha256()
        with files.open_file(os.path.join(place, name) if name else place) as stream:
            while chunk := stream.read(_CHUNK):
                contents.update(chunk)
                size += len(chunk)
        total.update(os.fsencode(name) + f"\0{contents.hexdigest()}\n".encode())
    return Digest(total.hexdigest(), size)


def bytes_on_disk(place: str) -> int | None:
    """Bytes of a folder or a file; None where there is none, or it is not on this machine."""
    if files.is_remote(place) or not files.exists(place):
        return None
    return files.size(place)
