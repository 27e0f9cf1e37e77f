"""Checks of the metadata store; it is only read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pipeline.doctor.finding import Finding
from pipeline.failure import OutputError
from pipeline.store_server import StoreServer

_SUBJECT = "metadata"
_RESTORE = "restore it from a copy, or name another folder with --output"


def check_metadata(metadata: Path | StoreServer) -> Finding:
    """Whether the metadata of earlier runs can be read.

    Args:
        metadata: SQLite database of ML Metadata, or server.
    """
    return (
        _check_server(metadata) if isinstance(metadata, StoreServer) else _check_database(metadata)
    )


def _check_server(server: StoreServer) -> Finding:
    from pipeline.metadata_store import open_store

    try:
        open_store(server)
    except OutputError as error:
        return Finding(_SUBJECT, "error", str(error), "start it, or name another with --metadata")
    return Finding(_SUBJECT, "ok", f"the metadata server {server} answers")


def _check_database(database: Path) -> Finding:
    if not database.exists():
        return Finding(_SUBJECT, "ok", f"{database} does not exist yet; the first run makes it")
    try:
        schema_version, runs = _contents(database)
    except sqlite3.Error as error:
        return Finding(_SUBJECT, "error", f"{database} cannot be read: {error}", _RESTORE)
    # Its own reader refuses a schema that it does not know.
    from pipeline.metadata_store import open_store

    try:
        open_store(database)
    except OutputError as error:
        cause = str(error.__cause__).splitlines()[0]
        return Finding(
            _SUBJECT,
            "error",
            f"ML Metadata refuses {database}, of schema version {schema_version}: {cause}",
            "install the version of ml-metadata that wrote it",
        )
    return Finding(
        _SUBJECT, "ok", f"{database}: schema version {schema_version}, {runs} runs recorded"
    )


def _contents(database: Path) -> tuple[int, int]:
    """Version of the schema, and number of runs.

    Raises:
        sqlite3.Error: It is damaged, or not of ML Metadata.
    """
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        [state] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        [version] = connection.execute("SELECT schema_version FROM MLMDEnv").fetchone()
        [runs] = connection.execute(
            "SELECT COUNT(*) FROM Context JOIN Type ON Type.id = Context.type_id"
            " WHERE Type.name = 'pipeline_run'"
        ).fetchone()
    finally:
        connection.close()
    return int(version), int(runs)
