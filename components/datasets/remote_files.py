"""Copies raw files from where TFX's filesystems reach, such as gs://, to this machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from components.datasets.errors import DataError
from components.datasets.layouts import WANTED_NAMES

_LOCAL = "file"


def is_uri(source: str) -> bool:
    """Whether a source is a URI, not a path or a dataset's name."""
    return "://" in source


def local_copy(uri: str, archive_endings: tuple[str, ...], cache: Path) -> Path:
    """Path of the folder or archive of a URI on this machine, copied anew on each call.

    What `file://` names is there already.

    Args:
        uri: An archive, or a folder with raw files.
        archive_endings: Endings of an archive's name; any other URI is a folder's.
        cache: Folder that the copy is kept in.

    Raises:
        DataError: The URI cannot be read.
    """
    parts = urlsplit(uri)
    if parts.scheme == _LOCAL:
        return Path(unquote(parts.path))
    # Loads TensorFlow, whose filesystems are TFX's.
    import tensorflow as tf
    from tfx.dsl.io import fileio

    name = os.path.basename(uri.rstrip("/"))
    place = cache / "fetched" / hashlib.sha256(uri.encode()).hexdigest()
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".new-") as temporary:
        fresh = Path(temporary) / name
        try:
            if name.endswith(archive_endings):
                _copy(uri, fresh)
            else:
                fresh.mkdir()
                for file in fileio.listdir(uri):
                    if re.fullmatch(WANTED_NAMES, file):
                        _copy(os.path.join(uri, file), fresh / file)
        except (tf.errors.OpError, OSError) as error:
            raise DataError(
                f"cannot be read ({' '.join(str(error).split())})",
                "check the URI, and that whoever runs this may read it",
                value=uri,
            ) from error
        copied = place / name
        if copied.is_dir():
            shutil.rmtree(copied)
        fresh.replace(copied)
    return copied


def _copy(uri: str, to: Path) -> None:
    from tfx.dsl.io import fileio

    with fileio.open(uri, "rb") as source, to.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
