"""Metadata servers for tests: Debian's PostgreSQL and MariaDB, and a stand-in for MLMD's own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import ml_metadata as mlmd
import pytest
from ml_metadata.errors import StatusError
from ml_metadata.metadata_store.pywrap.metadata_store_extension import (
    metadata_store as metadata_store_serialized,
)
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2

USER = "tester"
PASSWORD = 's3cr:t@"x'
_SERVICE = metadata_store_service_pb2.DESCRIPTOR.services_by_name["MetadataStoreService"]
_STATUS = {code.value[0]: code for code in grpc.StatusCode}


def start_server(kind: str) -> contextlib.AbstractContextManager[str]:
    """A server of a kind; gives the URL of a database that is not there yet, without password."""
    return {"postgresql": _postgresql, "mysql": _mariadb, "grpc": _grpc}[kind]()


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or not (programs[-1] / "initdb").exists():
        pytest.skip("Debian's package postgresql is not installed")
    with _folder("postgres") as (folder, user):
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        data, port = folder / "data", _free_port()
        subprocess.run(
            [
                *(programs[-1] / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256"),
                *("--pwfile", folder / "password", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            user=user,
        )
        command = [programs[-1] / "postgres", "-D", data, "-p", str(port), "-k", folder, "-F"]
        # The signal that does not wait for clients to leave.
        with _running(command, folder, user, port, "127.0.0.1", signal.SIGINT):
            yield f"postgresql://{USER}@127.0.0.1:{port}/mlmd"


@contextlib.contextmanager
def _mariadb() -> Iterator[str]:
    server, installer = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    client = shutil.which("mariadb")
    if not (server and installer and client):
        pytest.skip("Debian's package mariadb-server is not installed")
    with _folder("mysql") as (folder, user):
        data, port, socket_file = folder / "data", _free_port(), folder / "socket"
        subprocess.run(
            [
                *(installer, "--no-defaults", f"--datadir={data}", "--skip-test-db"),
                "--auth-root-authentication-method=normal",
            ],
            check=True,
            capture_output=True,
            user=user,
        )
        command = [
            *(server, "--no-defaults", f"--datadir={data}", f"--port={port}"),
            *(f"--socket={socket_file}", "--bind-address=127.0.0.1"),
            *("--innodb-flush-log-at-trx-commit=0", f"--pid-file={folder / 'pid'}"),
        ]
        with _running(command, folder, user, port, "127.0.0.1"):
            grant = f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO {USER}"
            subprocess.run(
                [client, "--no-defaults", "-S", socket_file, "-u", "root", "-e", grant], check=True
            )
            yield f"mysql://{USER}@127.0.0.1:{port}/mlmd"


@contextlib.contextmanager
def _grpc() -> Iterator[str]:
    """ML Metadata's protocol over its own C++ store: its server is in no Python package."""
    with tempfile.TemporaryDirectory() as folder:
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = f"{folder}/metadata.db"
        connection.sqlite.connection_mode = 3
        store = mlmd.MetadataStore(connection)
        server = grpc.server(futures.ThreadPoolExecutor(1))  # SQLite takes one writer
        handlers = {method.name: _handler(store, method) for method in _SERVICE.methods}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"grpc://127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def _handler(store: mlmd.MetadataStore, method: Any) -> grpc.RpcMethodHandler:
    request_type, response_type = (
        getattr(metadata_store_service_pb2, message.name)
        for message in (method.input_type, method.output_type)
    )

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        response = response_type()
        call = getattr(metadata_store_serialized, method.name)
        try:
            store._pywrap_cc_call(call, request, response)
        except StatusError as error:
            context.abort(_STATUS[error.error_code], str(error))
        return response

    return grpc.unary_unary_rpc_method_handler(
        answer, request_type.FromString, response_type.SerializeToString
    )


def drop_long_value_index(url: str) -> None:
    """What PostgreSQL needs once, since ml_metadata indexes whole values."""
    subprocess.run(
        ["psql", "--quiet", url, "-c", "DROP INDEX idx_artifact_property_string"],
        check=True,
        env={**os.environ, "PGPASSWORD": PASSWORD},
    )


def with_password(url: str) -> str:
    """The URL with the password in it."""
    return url.replace(f"{USER}@", f"{USER}:{quote(PASSWORD, safe='')}@")


@contextlib.contextmanager
def _folder(account: str) -> Iterator[tuple[Path, str | None]]:
    """A folder for a server, and who it has to run as: servers refuse to run as root."""
    folder = Path(tempfile.mkdtemp(prefix=f"{account}-"))
    user = None
    try:
        if os.geteuid() == 0:
            user = account
            shutil.chown(folder, pwd.getpwnam(account).pw_uid)
        yield folder, user
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _running(
    command: list[Any],
    folder: Path,
    user: str | None,
    port: int,
    host: str,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Runs a server until it is no longer needed; ready when its port answers."""
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, user=user)
        try:
            _wait_until(lambda: _answers(host, port), process, log)
            yield
        finally:
            process.send_signal(stop)
            process.wait(timeout=60)


def _wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
