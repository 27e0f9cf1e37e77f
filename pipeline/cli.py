"""The command line; what is slow to load is loaded by the command that needs it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.serving.indexes.errors import IndexUnavailableError
from components.serving.interface import SERVED
from pipeline import inspection_cli, presets
from pipeline.config import Config
from pipeline.failure import OutputError, ServiceError, UsageError
from pipeline.lineage.command import app as lineage
from pipeline.output_options import DEFAULT_OUTPUT, Metadata, Output, output_paths
from pipeline.request_time import parse_request_time

_FAILED = 1
_USAGE = 2
_TFDS_PREFIX = "tfds:"

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A retrieval pipeline on MovieLens, from raw data to a served model.\n\n"
    "Without a command it does what [bold]run[/bold] does.",
)

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="tfds:movielens/100k, 1m, latest-small, 20m or 25m; or the path of a folder,"
        " .zip or .whl with MovieLens files of any layout.",
    ),
]
Split = Annotated[
    str | None,
    typer.Option("--split", metavar="METHOD", help="random, temporal or last."),
]
Preset = Annotated[
    str, typer.Option("--preset", help=f"One of {', '.join(presets.preset_names())}.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a value of the preset, such as training.epochs=5; may be repeated.",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder for downloads; put archives here to work offline."),
]
Beam = Annotated[
    str | None,
    typer.Option(
        "--beam",
        metavar="ENGINE",
        help="local, multiprocess, dataflow, flink or spark; what an engine needs is given by"
        " --set beam.KEY=VALUE.",
    ),
]
Tune = Annotated[
    bool,
    typer.Option("--tune", help="First search for better hyperparameters, tuning.trials times."),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Make the last line of standard output one JSON object."),
]


@app.command()
def run(
    data: Data = None,
    split: Split = None,
    preset: Preset = presets.DEFAULT,
    output: Output = DEFAULT_OUTPUT,
    assignments: Assignments = None,
    cache: Cache = None,
    beam: Beam = None,
    metadata: Metadata = None,
    tune: Tune = False,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline: ingest, validate, transform, train, evaluate, and push if it is good.

    Exit code 0: pushed, or unchanged. 1: an error. 2: wrong usage. 3: the model was not blessed.
    """
    config = config_of(preset, assignments, _options(data, split, cache, beam, metadata))
    from pipeline.local import run as run_locally

    raise typer.Exit(run_locally(config, output, as_json, tune=tune))


@app.command()
def evaluate(
    model: Annotated[
        str, typer.Option("--model", help="A pushed version, or the folder of a SavedModel.")
    ],
    data: Data = None,
    split: Split = None,
    preset: Preset = presets.DEFAULT,
    output: Output = DEFAULT_OUTPUT,
    assignments: Assignments = None,
    cache: Cache = None,
    beam: Beam = None,
    metadata: Metadata = None,
    as_json: AsJson = False,
) -> None:
    """Score an exported model on the eval split of any data, without training; by slices too.

    Exit code 0: it would be blessed. 1: an error. 2: wrong usage. 3: it would not be blessed.
    """
    config = config_of(preset, assignments, _options(data, split, cache, beam, metadata))
    _evaluate(config, output, as_json, model)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A pushed version, or the folder of a SavedModel.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    data: Data = None,
    split: Split = None,
    preset: Preset = presets.DEFAULT,
    output: Output = DEFAULT_OUTPUT,
    assignments: Assignments = None,
    cache: Cache = None,
    beam: Beam = None,
    metadata: Metadata = None,
    as_json: AsJson = False,
) -> None:
    """Show two exported models side by side on the same rows, with intervals."""
    config = config_of(preset, assignments, _options(data, split, cache, beam, metadata))
    _evaluate(config, output, as_json, second, first)


@app.command()
def recommend(
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Id of the user, known or not.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="When the user asks: seconds since 1970, or an ISO date (UTC). Now if left out.",
        ),
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(
            "--history",
            metavar="MOVIE",
            help="Instead of a user: title or id of a movie that somebody saw; may be repeated.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=SERVED, help="How many movies.")] = 10,
    output: Output = DEFAULT_OUTPUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the movies that the latest pushed model recommends to a user, or by a history."""
    if (user is None) == (not history):
        raise UsageError("recommend takes either --user or --history.")
    if at is not None and user is None:
        raise UsageError("--at goes with --user: the movies of --history have no times.")
    request_time = None if at is None else parse_request_time(at)

    from pipeline.paths import OutputPaths
    from pipeline.recommend import recommend_from_history, recommend_to_user

    paths = OutputPaths.of(output)
    who: dict[str, str | list[str]]
    if user is not None:
        answer = recommend_to_user(paths, user, request_time, k)
        who, whom = {"user": user}, f"user {user}"
    else:
        answer = recommend_from_history(paths, history or [], k)
        who, whom = {"history": answer.history}, f"someone who saw {', '.join(answer.history)}"
    if as_json:
        found = [dataclasses.asdict(item) for item in answer.recommendations]
        print(json.dumps({**who, "version": answer.version, "recommendations": found}))
        return
    table = Table()
    table.add_column("", justify="right")
    table.add_column("title")
    table.add_column("score", justify="right")
    for item in answer.recommendations:
        table.add_row(str(item.rank), Text(item.title), f"{item.score:.3f}")
    # Not the table's own title, which would be no wider than the table.
    Console(highlight=False).print(Text(f"For {whom}, by version {answer.version}"), table)


@app.command()
def serve(
    output: Output = DEFAULT_OUTPUT,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; 0.0.0.0 for every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen at; 0 for a free one.")
    ] = 8501,
) -> None:
    """Serve the latest pushed model for development: a page, and TensorFlow Serving's REST calls.

    A newer version replaces it while it runs. Stop it with Ctrl-C.
    """
    from pipeline.paths import OutputPaths
    from pipeline.server.command import serve as serve_until_stopped

    serve_until_stopped(OutputPaths.of(output), host, port)


@app.command()
def versions(
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the versions that were pushed: how good they are, and which one is current."""
    from pipeline.versions import list_versions
    from pipeline.versions_table import versions_table

    paths = output_paths(output, metadata)
    found = list_versions(paths)
    if as_json:
        current = next((version.number for version in found if version.current), None)
        print(json.dumps({"current": current, "versions": [item.to_json() for item in found]}))
        return
    Console(highlight=False).print(versions_table(found))


@app.command()
def rollback(
    version: Annotated[
        int | None,
        typer.Argument(
            metavar="VERSION",
            min=0,
            help="The version to go back to; the one served before the current one if left out.",
        ),
    ] = None,
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make an earlier version current again, by publishing it under a new number."""
    from pipeline.rollback import roll_back

    done = roll_back(output_paths(output, metadata), version)
    if as_json:
        print(json.dumps({**dataclasses.asdict(done), "path": str(done.path)}))
        return
    print(
        f"Version {done.version} is current: it is {done.rolled_back_to} again, in place of"
        f" {done.rolled_back_from}."
    )


@app.command()
def prune(
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="How many of the newest to keep, with the current.")
    ],
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Remove old versions from the serving folder; the current one always stays."""
    from pipeline.prune import prune as prune_versions
    from pipeline.versions_table import megabytes

    done = prune_versions(output_paths(output, metadata), keep)
    if as_json:
        print(json.dumps(dataclasses.asdict(done)))
        return
    removed = ", ".join(map(str, done.removed)) or "no version"
    print(f"Removed {removed}: {megabytes(done.freed_bytes)} freed.")


app.add_typer(lineage, name="lineage")
inspection_cli.register(app)


def main(arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit code.

    Args:
        arguments: The command line without the program's name; `run` may be left out.
    """
    # The C++ of ml_metadata tells of every connection.
    os.environ.setdefault("GLOG_minloglevel", "2")
    arguments = list(arguments)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments.insert(0, "run")
    # They use what is defined here.
    from pipeline.cloud import command  # noqa: F401

    try:
        app(arguments, prog_name="runner.py")
    except SystemExit as end:
        return int(end.code or 0)
    except UsageError as error:
        return _fail(str(error), _USAGE)
    except (OutputError, ServiceError, IndexUnavailableError) as error:
        return _fail(str(error), _FAILED)
    return 0


def _evaluate(
    config: Config, output: Path, as_json: bool, model: str, baseline: str | None = None
) -> None:
    from pipeline.exported_models import ExportedModels, find_model
    from pipeline.local import run as run_locally
    from pipeline.paths import OutputPaths

    paths = OutputPaths.of(output)
    models = ExportedModels(
        find_model(model, paths), find_model(baseline, paths) if baseline else None
    )
    raise typer.Exit(run_locally(config, output, as_json, models))


def _options(
    data: str | None,
    split: str | None,
    cache: Path | None,
    beam: str | None,
    metadata: str | None,
) -> dict[str, str | Path | None]:
    return {
        "data.source": data,
        "split.method": split,
        "data.cache": cache,
        "beam.engine": beam,
        "metadata.url": metadata,
    }


def config_of(
    preset: str, assignments: list[str] | None, options: dict[str, str | Path | None]
) -> Config:
    """The preset with the options and then the assignments applied."""
    given = [
        f"{key}={json.dumps(str(value))}" for key, value in options.items() if value is not None
    ]
    return presets.load(preset, [*given, *(assignments or [])])


def _fail(sentence: str, code: int) -> int:
    message = Text("Error: ", style="bold red")
    message.append(sentence, style="not bold default")
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(message)
    return code
