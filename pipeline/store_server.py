"""The address of an ML Metadata server, and what may be told of it: never its password."""

from __future__ import annotations

import dataclasses
import os
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline.failure import UsageError

# Set instead of the option, and instead of the password in its URL.
URL_VARIABLE = "RETRIEVAL_METADATA"
PASSWORD_VARIABLE = "RETRIEVAL_METADATA_PASSWORD"

MYSQL = "mysql"
POSTGRESQL = "postgresql"
GRPC = "grpc"
_PORTS = {MYSQL: 3306, POSTGRESQL: 5432, GRPC: 8080}
# As ml_metadata's protos name them.
_SSL_OPTIONS = {
    MYSQL: ("key", "cert", "ca", "capath", "cipher"),
    POSTGRESQL: ("sslmode", "sslcert", "sslkey", "sslrootcert"),
    GRPC: (),
}
_FORM = "mysql://USER@HOST/DATABASE, postgresql://USER@HOST/DATABASE or grpc://HOST:PORT"


@dataclasses.dataclass(frozen=True)
class StoreServer:
    """A database server, or a server of ML Metadata's own protocol.

    Attributes:
        kind: `mysql` (MariaDB too), `postgresql` or `grpc`.
        host: Its name or address.
        port: Its port.
        database: Name of the database; empty for `grpc`.
        user: Who connects; empty for `grpc`.
        password: Their password.
        ssl: Options of an encrypted connection, as the protos of ml_metadata name them.
    """

    kind: str
    host: str
    port: int
    database: str = ""
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    ssl: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str) -> StoreServer:
        """The server of a URL; a password that it lacks is taken from the environment.

        Raises:
            UsageError: It is no such URL. The sentence does not repeat it, for its password.
        """
        try:
            parts = urlsplit(url)
            kind, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"the URL of the metadata server is not {_FORM}.") from error
        if kind not in _PORTS or not host:
            raise UsageError(f"the URL of the metadata server is not {_FORM}.")
        database, user = unquote(parts.path.strip("/")), unquote(parts.username or "")
        password = unquote(parts.password or "")
        if kind == GRPC:
            if database or user or password:
                raise UsageError(
                    "the URL of a gRPC metadata server is grpc://HOST:PORT, without user or path."
                )
        else:
            # ml_metadata does not quote the name where it creates the database.
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", database):
                raise UsageError(
                    f"the URL of the metadata server names the database {database!r}: it has to be"
                    " letters, digits and _."
                )
            if not user:
                raise UsageError(f"the URL of the metadata server names no user: {_FORM}.")
            password = password or os.environ.get(PASSWORD_VARIABLE, "")
        ssl = tuple(parse_qsl(parts.query, keep_blank_values=True))
        unknown = [name for name, _ in ssl if name not in _SSL_OPTIONS[kind]]
        if unknown:
            known = ", ".join(_SSL_OPTIONS[kind]) or "none"
            raise UsageError(
                f"the URL of the metadata server has the unknown option {unknown[0]!r}; those of"
                f" {kind} are: {known}."
            )
        return cls(kind, host, port or _PORTS[kind], database, user, password, ssl)

    def __str__(self) -> str:
        """Its URL without password and options."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        database = f"/{self.database}" if self.database else ""
        return f"{self.kind}://{user}{host}:{self.port}{database}"
