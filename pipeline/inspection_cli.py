"""The commands that look at what runs have left; registered by `cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.failure import UsageError

_DEFAULT_OUTPUT = Path("output")
Output = Annotated[Path, typer.Option("--output", help="Output folder of the runs.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to an application."""
    app.command()(report)


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
    output: Output = _DEFAULT_OUTPUT,
) -> None:
    """Write what is known of a model as one HTML file, and print its path."""
    if sum((model is not None, compare is not None, history)) > 1:
        raise UsageError("report takes one of VERSION, --compare and --history.")
    from pipeline.paths import OutputPaths
    from pipeline.report import command

    paths = OutputPaths.of(output)
    if compare is not None:
        print(command.report_on_two(paths, *compare, out))
    elif history:
        print(command.report_on_all(paths, out))
    else:
        print(command.report_on_model(paths, model, users, out))
