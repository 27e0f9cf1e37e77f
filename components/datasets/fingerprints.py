"""SHA-256 of files, and of the set of files that a dataset reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from components.datasets.text_files import missing_file

_CHUNK = 1 << 20


def file_sha256(path: str) -> str:
    """SHA-256 of a file's bytes in hexadecimal.

    Raises:
        DataError: The file is missing.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise missing_file(Path(path).name) from error
    return digest.hexdigest()


def files_sha256(paths: Iterable[str]) -> str:
    """SHA-256 over the base names and contents of files, in hexadecimal; the folder is no part.

    Raises:
        DataError: A file is missing.
    """
    digest = hashlib.sha256()
    for path in sorted(map(Path, paths), key=lambda path: path.name):
        digest.update(f"{path.name}\0{file_sha256(str(path))}\n".encode())
    return digest.hexdigest()
