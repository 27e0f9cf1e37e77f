"""The versions of the pushed model as a table, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.versions import ACCURACIES, Version

_MEGABYTE = 1_000_000


def versions_table(versions: Sequence[Version]) -> Table:
    """A row per version, in 80 columns; a dash is what is not known."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("version", justify="right", no_wrap=True)
    table.add_column("pushed", no_wrap=True)
    for name in ACCURACIES:
        header = name.removesuffix("_accuracy").replace("unseen_", "unseen_\n")
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("blessed", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("")
    for version in versions:
        record, judgement = version.record, version.judgement
        metrics = judgement.metrics if judgement else {}
        table.add_row(
            str(version.number),
            f"{record.pushed_at.astimezone():%Y-%m-%d %H:%M}" if record else "-",
            *(f"{metrics[name]:.4f}" if name in metrics else "-" for name in ACCURACIES),
            {True: "yes", False: "no"}[judgement.blessed] if judgement else "-",
            megabytes(version.size) if version.size is not None else "-",
            Text(_state(version)),
            style="bold" if version.current else "",
        )
    return table


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / _MEGABYTE:,.1f} MB"


def _state(version: Version) -> str:
    """What is special about a version."""
    phrases = []
    if version.current:
        phrases.append("current")
    if version.record is None:
        phrases.append("not in the metadata")
    elif version.record.republication_of is not None:
        phrases.append(f"is {version.record.republication_of} again")
    if version.size is None:
        removed_at = version.record.removed_at if version.record else None
        if removed_at:
            phrases.append(f"pruned {datetime.fromisoformat(removed_at).astimezone():%Y-%m-%d}")
        else:
            phrases.append("files are gone")
    return ", ".join(phrases)
