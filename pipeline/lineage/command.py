"""The commands of `lineage`."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from pipeline.failure import UsageError
from pipeline.output_options import DEFAULT_OUTPUT, Metadata, Output, output_paths

_SHOW = "show"
_FAILED = 1

Target = Annotated[
    str | None,
    typer.Argument(
        metavar="[VERSION|PATH|ID]",
        help="Number of a pushed version, path of an artifact, or id of one; the version that is"
        " served if left out.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class ShowByDefault(TyperGroup):
    """A group of commands in which `show` may be left out: its first word is no other command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts `show` before whatever is neither a command nor a call for help."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=ShowByDefault,
    add_completion=False,
    rich_markup_mode="rich",
    help="Where a pushed model came from, and why it was let through; from ML Metadata.\n\n"
    "Without a command it does what [bold]show[/bold] does: [bold]lineage 1795542682[/bold] is"
    " [bold]lineage show 1795542682[/bold]. A path that is called as a command is, such as a folder"
    " named diff, is written ./diff.",
)


@app.command()
def show(
    target: Target = None,
    downstream: Annotated[
        bool,
        typer.Option(
            "--downstream",
            help="List every model that rests on an artifact, such as data or a schema.",
        ),
    ] = False,
    as_dot: Annotated[
        bool, typer.Option("--dot", help="Print the graph in Graphviz's language.")
    ] = False,
    as_json: AsJson = False,
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
) -> None:
    """Tell the whole story of a pushed model, or of any artifact, as a tree."""
    if as_dot and as_json:
        raise UsageError("lineage takes either --dot or --json.")
    if downstream and target is None:
        raise UsageError("--downstream needs the id or the path of an artifact.")

    from pipeline.lineage.export import lineage_dot, lineage_json
    from pipeline.lineage.store import LineageStore
    from pipeline.lineage.story import tell

    paths = output_paths(output, metadata)
    store = LineageStore(paths)
    artifact = store.find(target)
    if downstream:
        from pipeline.lineage.descendants import models_table, resting_models

        lineage = store.downstream(artifact)
        models = resting_models(lineage)
        found: dict[str, Any] = {"models": [model.to_json() for model in models]}
        shown: Any = models_table(models) if models else "No model rests on it."
    else:
        from pipeline.lineage.tree import story_tree

        story = tell(store, artifact)
        lineage = story.lineage
        found = {"story": story.sections}
        shown = story_tree(story, paths.output)
    if as_dot:
        print(lineage_dot(lineage, paths.output))
    elif as_json:
        print(json.dumps({**found, **lineage_json(lineage)}))
    else:
        Console(highlight=False).print(shown)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A version, path or id.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: AsJson = False,
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
) -> None:
    """Show what differs between two models, the shortest differences first."""
    from pipeline.lineage.difference import difference_line, differences
    from pipeline.lineage.store import LineageStore
    from pipeline.lineage.story import tell

    store = LineageStore(output_paths(output, metadata))
    found = differences(*(tell(store, store.find(name)) for name in (first, second)))
    if as_json:
        print(json.dumps({"differences": [dataclasses.asdict(each) for each in found]}))
        return
    console = Console(highlight=False, soft_wrap=True)
    for each in found:
        console.print(difference_line(each))
    if not found:
        console.print("Nothing differs.")


@app.command()
def verify(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION|PATH|ID]",
            help="Verify only what this was made from; everything in the metadata if left out.",
        ),
    ] = None,
    as_json: AsJson = False,
    output: Output = DEFAULT_OUTPUT,
    metadata: Metadata = None,
) -> None:
    """Compare the files of artifacts with the checksums that were recorded when they were made.

    Exit code 0: all are there as they were. 1: some are gone or changed, or another error.
    """
    from pipeline.lineage.store import LineageStore
    from pipeline.lineage.verification import DAMAGED
    from pipeline.lineage.verification import verify as verify_artifacts

    store = LineageStore(output_paths(output, metadata))
    if target is None:
        artifacts = store.artifacts()
    else:
        lineage = store.upstream(store.find(target))
        artifacts = [found for _, found in sorted(lineage.artifacts.items())]
    verified = list(verify_artifacts(artifacts))
    damaged = [found for found in verified if found.outcome in DAMAGED]
    counts = collections.Counter(found.outcome for found in verified)
    if as_json:
        places = [dataclasses.asdict(found) for found in verified]
        print(json.dumps({"damaged": len(damaged), "counts": counts, "places": places}))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for found in damaged:
            line = Text(f"{found.outcome}  ", style="bold red")
            line.append(f"#{found.artifact} {found.type}  {found.place}", style="not bold default")
            console.print(line)
        told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
        console.print(f"{len(verified)} folders: {told or 'nothing to verify'}.")
    if damaged:
        raise typer.Exit(_FAILED)
