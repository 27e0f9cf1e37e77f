"""Connects to ML Metadata, be it a file or a server; without TFX."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeAlias

import ml_metadata as mlmd
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from pipeline.failure import OutputError
from pipeline.sqlite_store import Mode, open_database, sqlite_connection
from pipeline.store_server import GRPC, MYSQL, POSTGRESQL, StoreServer

Connection: TypeAlias = (
    metadata_store_pb2.ConnectionConfig | metadata_store_pb2.MetadataStoreClientConfig
)
_GRPC_TIMEOUT_SECONDS = 60.0
_CHECK = "StoreCheck"
_LONG_VALUE_INDEX = "idx_artifact_property_string"


def connection_to(metadata: Path | StoreServer) -> Connection:
    """What a run connects with.

    Args:
        metadata: SQLite database, which is made where it is missing, or server.
    """
    if isinstance(metadata, StoreServer):
        return _client_of(metadata) if metadata.kind == GRPC else _database_of(metadata)
    metadata.parent.mkdir(parents=True, exist_ok=True)
    return sqlite_connection(metadata, Mode.READWRITE_OPENCREATE)


def allows_cache(metadata: Path | StoreServer) -> bool:
    """Whether TFX finds cached outputs in a store under the names that they have.

    It pairs events with artifacts by the order of both, which PostgreSQL does not keep: Examples
    of a second run were taken for those of another output.
    """
    return not (isinstance(metadata, StoreServer) and metadata.kind == POSTGRESQL)


def open_store(metadata: Path | StoreServer, writable: bool = False) -> mlmd.MetadataStore:
    """The store.

    Args:
        metadata: SQLite database, or server.
        writable: Whether a SQLite database is to be written to.

    Raises:
        OutputError: There is none, or it cannot be opened.
    """
    if isinstance(metadata, StoreServer):
        return _open_server(metadata)
    return open_database(metadata, writable)


def find_store(metadata: Path | StoreServer, writable: bool = False) -> mlmd.MetadataStore | None:
    """As `open_store`, but None for a SQLite database that is not there."""
    if isinstance(metadata, Path) and not metadata.exists():
        return None
    return open_store(metadata, writable)


def require_long_values(server: StoreServer) -> None:
    """Makes sure that a server takes values as long as the metrics of all slices.

    ml_metadata gives PostgreSQL an index over whole values, and so they end at a third of a page.
    What is written to find out stays, as one artifact.

    Raises:
        OutputError: It does not, or cannot be used at all.
    """
    store = _open_server(server)
    if server.kind != POSTGRESQL or store.get_artifact_by_type_and_name(_CHECK, _CHECK):
        return
    artifact = metadata_store_pb2.Artifact(
        type_id=store.put_artifact_type(metadata_store_pb2.ArtifactType(name=_CHECK)), name=_CHECK
    )
    # Digits that PostgreSQL cannot compress.
    digits = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(64))
    artifact.custom_properties["value"].string_value = digits
    try:
        store.put_artifacts([artifact])
    except errors.InternalError as error:
        if _LONG_VALUE_INDEX not in str(error):
            raise
        raise OutputError(
            f"the metadata server {server} refuses values of more than 2,704 bytes, by an index"
            f" that ml_metadata made; drop it once with psql: DROP INDEX {_LONG_VALUE_INDEX};"
        ) from error


def _open_server(server: StoreServer) -> mlmd.MetadataStore:
    try:
        store = mlmd.MetadataStore(connection_to(server))
        store.get_context_types()  # a gRPC client connects when it is first asked
    except (RuntimeError, errors.StatusError) as error:
        remedy = "check that it runs and may be reached from here"
        if server.kind != GRPC:
            remedy += ", and user and password"
        if server.kind == MYSQL:
            remedy += " (ml_metadata knows no other authentication than mysql_native_password)"
        raise OutputError(
            f"the metadata server {server} cannot be used: {remedy}. ml_metadata says:"
            f" {' '.join(str(error).split())}"
        ) from error
    return store


def _database_of(server: StoreServer) -> metadata_store_pb2.ConnectionConfig:
    connection = metadata_store_pb2.ConnectionConfig()
    if server.kind == MYSQL:
        config = connection.mysql
        config.port, config.database, ssl = server.port, server.database, config.ssl_options
    else:
        config = connection.postgresql
        config.port, config.dbname, ssl = str(server.port), server.database, config.ssloption
    config.host, config.user, config.password = server.host, server.user, server.password
    for name, value in server.ssl:
        setattr(ssl, name, value)
    return connection


def _client_of(server: StoreServer) -> metadata_store_pb2.MetadataStoreClientConfig:
    return metadata_store_pb2.MetadataStoreClientConfig(
        host=server.host, port=server.port, client_timeout_sec=_GRPC_TIMEOUT_SECONDS
    )
