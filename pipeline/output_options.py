"""The options of the command line that say where a run keeps what it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.paths import OutputPaths
from pipeline.store_server import URL_VARIABLE, StoreServer

DEFAULT_OUTPUT = Path("output")

Output = Annotated[
    Path, typer.Option("--output", help="Folder for metadata, artifacts, logs and serving/.")
]
Metadata = Annotated[
    str | None,
    typer.Option(
        "--metadata",
        metavar="URL",
        envvar=URL_VARIABLE,
        show_envvar=True,
        help="ML Metadata in a server: mysql://, postgresql:// or grpc://. If left out, in a"
        " database in the output folder.",
    ),
]


def output_paths(output: Path, metadata: str | None) -> OutputPaths:
    """The layout that the two options name.

    Raises:
        UsageError: The URL is of no metadata server.
    """
    return OutputPaths.of(output, StoreServer.parse(metadata) if metadata else None)
