"""The versions of the pushed model: those that are recorded, and those that stand to be served."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from components import files
from pipeline.failure import OutputError
from pipeline.paths import OutputPaths
from pipeline.version_records import Judgement, VersionRecord, VersionRecords

ACCURACIES = ("unseen_top_100_accuracy", "top_100_accuracy")


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of the pushed model.

    Attributes:
        number: Its number.
        path: Where it is or was served from.
        current: Whether it is the one that servers use.
        size: Bytes of its files; None where they are gone.
        record: What is recorded of it; None where nothing is.
        judgement: What the Evaluator said of it; None where that is not recorded.
    """

    number: int
    path: Path
    current: bool
    size: int | None
    record: VersionRecord | None
    judgement: Judgement | None

    def to_json(self) -> dict[str, Any]:
        """All of it by name; null is what is not known or not so."""
        record, judgement = self.record, self.judgement
        metrics = judgement.metrics if judgement else {}
        return {
            "version": self.number,
            "path": str(self.path),
            "current": self.current,
            "on_disk": self.size is not None,
            "bytes": self.size,
            "recorded": record is not None,
            "pushed_at": record.pushed_at.isoformat(timespec="seconds") if record else None,
            "republication_of": record.republication_of if record else None,
            "removed_at": record.removed_at if record else None,
            "blessed": judgement.blessed if judgement else None,
            **{name: metrics.get(name) for name in ACCURACIES},
        }


def list_versions(paths: OutputPaths) -> list[Version]:
    """All versions that were pushed or stand in the serving folder, newest first.

    Args:
        paths: Output folder of the runs that pushed them.

    Raises:
        OutputError: There are none.
    """
    records = VersionRecords.of(paths)
    recorded, served = records.by_version(), paths.versions()
    numbers = sorted(recorded.keys() | set(served), reverse=True)
    if not numbers:
        raise nothing_pushed(paths)
    found = []
    for number in numbers:
        path, record = paths.serving / str(number), recorded.get(number)
        found.append(
            Version(
                number=number,
                path=path,
                current=number == max(served, default=None),
                size=files.size(str(path)) if number in served else None,
                record=record,
                judgement=records.judgement(record) if record else None,
            )
        )
    return found


def nothing_pushed(paths: OutputPaths) -> OutputError:
    """The error where there is no version."""
    return OutputError(
        f"no model was pushed to {paths.serving} yet: run the pipeline first, or name its folder"
        " with --output."
    )
