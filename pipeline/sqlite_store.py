"""Opens ML Metadata in a SQLite database that others may be writing to; without TFX."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from pipeline.failure import OutputError

Mode = metadata_store_pb2.SqliteMetadataSourceConfig
# What SQLite says, and seconds to wait then.
_MAY_NOT_UNDO = "readonly database"
_PAUSES = (0.01, 0.03, 0.1, 0.3)


def sqlite_connection(database: Path, mode: int) -> metadata_store_pb2.ConnectionConfig:
    """What ml_metadata connects with.

    Args:
        database: The database.
        mode: One of `Mode`.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(database)
    connection.sqlite.connection_mode = mode
    return connection


def open_database(database: Path, writable: bool) -> mlmd.MetadataStore:
    """Opens the SQLite database of ML Metadata, which is neither made nor migrated.

    Args:
        database: The database.
        writable: Whether the store is to be written to.

    Raises:
        OutputError: There is none, or it cannot be opened.
    """
    if not database.is_file():
        raise OutputError(f"there is no metadata in {database}: run the pipeline first.")
    try:
        if writable:
            return _open(database, Mode.READWRITE)
        try:
            return patiently(lambda: _open(database, Mode.READONLY))
        except RuntimeError:
            if not _journal(database).exists():
                raise
            return _open_copy(database)
    except (OSError, RuntimeError) as error:
        raise OutputError(
            f"the metadata in {database} cannot be opened: it is in use, damaged or not of ML"
            " Metadata."
        ) from error


def _open_copy(database: Path) -> mlmd.MetadataStore:
    """Opens a copy of a database that was left in the middle of a write, without that write.

    Whoever may not write to it cannot undo the write, which the next run will.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / database.name
        for file, place in ((database, copy), (_journal(database), _journal(copy))):
            shutil.copyfile(file, place)
        # The files are open, and so outlive their folder.
        return _open(copy, Mode.READWRITE)


def _open(database: Path, mode: int) -> mlmd.MetadataStore:
    return mlmd.MetadataStore(sqlite_connection(database, mode))


def patiently(ask: Callable[[], Any]) -> Any:
    """Asks a store that is open for reading, more than once where it has to be.

    Now and then SQLite takes the journal of a write that is just ending for one that was left, and
    says that it may not undo that write.
    """
    for pause in _PAUSES:
        try:
            return ask()
        except (RuntimeError, errors.StatusError) as error:
            if _MAY_NOT_UNDO not in str(error):
                raise
            time.sleep(pause)
    return ask()


def _journal(database: Path) -> Path:
    """Where SQLite keeps what a write in progress replaces."""
    return database.with_name(f"{database.name}-journal")
