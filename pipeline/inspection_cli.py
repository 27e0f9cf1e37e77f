"""The commands that look at what runs have left, and at the machine; registered by `cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.config import DataSection
from pipeline.failure import UsageError
from pipeline.output_options import DEFAULT_OUTPUT, Metadata, Output, output_paths


def register(app: typer.Typer) -> None:
    """Adds the commands to an application."""
    for command in (report, doctor):
        app.command()(command)


def report(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION",
            help="A pushed version, or the id of a Model that was not pushed; the version that is"
            " served if left out.",
        ),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="VERSION VERSION", help="Two models side by side."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="The metrics of every run instead.")
    ] = False,
    users: Annotated[
        int, typer.Option("--users", min=0, max=100, help="How many example users it shows.")
    ] = 10,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; one in the output folder if left out."),
    ] = None,
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
) -> None:
    """Write what is known of a model as one HTML file, and print its path."""
    if sum((model is not None, compare is not None, history)) > 1:
        raise UsageError("report takes one of VERSION, --compare and --history.")
    from pipeline.report import command

    paths = output_paths(output, metadata)
    if compare is not None:
        print(command.report_on_two(paths, *compare, out))
    elif history:
        print(command.report_on_all(paths, out))
    else:
        print(command.report_on_model(paths, model, users, out))


def doctor(
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="SOURCE", help="As for run: where events would come from."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="As for run: the folder for downloads.")
    ] = None,
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check this machine: what is installed, disk, memory, data, metadata and pushed versions.

    Exit code 0: all is well, but for warnings. 1: a run, or what is served, cannot work.
    """
    from pipeline.doctor.command import doctor as examine

    given = {"source": data, "cache": cache}
    where = DataSection.model_validate({k: v for k, v in given.items() if v is not None})
    raise typer.Exit(examine(output_paths(output, metadata), where, as_json))
