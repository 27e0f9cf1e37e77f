"""Removes old versions of the pushed model."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone

from components import files
from components.pusher.pushed_model import REMOVED_AT
from components.pusher.version_folder import clear_incomplete, remove
from pipeline.failure import OutputError
from pipeline.output_lock import locked_output
from pipeline.paths import OutputPaths
from pipeline.version_records import VersionRecord, VersionRecords
from pipeline.versions import nothing_pushed


@dataclasses.dataclass(frozen=True)
class Pruned:
    """What was removed.

    Attributes:
        removed: Versions that are gone, oldest first.
        kept: Versions that are left, oldest first; the last is the current one.
        freed_bytes: How much less there is, with what killed pushes had left.
    """

    removed: list[int]
    kept: list[int]
    freed_bytes: int


def prune(paths: OutputPaths, keep: int) -> Pruned:
    """Removes all but the newest versions, and records when.

    Args:
        paths: Output folder of the runs that pushed them.
        keep: How many to leave, at least 1; the current one is the first that is left.

    Raises:
        OutputError: There are none, or one cannot be removed.
    """
    if not paths.versions():
        raise nothing_pushed(paths)
    with locked_output(paths.output):
        records = VersionRecords.of(paths, writable=True)
        recorded, served = records.by_version(), paths.versions()
        base, removed = str(paths.serving), served[:-keep]
        before = files.size(base)
        try:
            clear_incomplete(base)
            for number in removed:
                remove(number, base)
                if number in recorded:
                    _record(records, recorded[number])
        except OSError as error:
            raise OutputError(f"{paths.serving} cannot be pruned: {error}.") from error
        return Pruned(removed, served[-keep:], before - files.size(base))


def _record(records: VersionRecords, removed: VersionRecord) -> None:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    assert records.store is not None
    artifacts = records.store.get_artifacts_by_id([artifact.id for artifact in removed.artifacts])
    for artifact in artifacts:
        artifact.custom_properties[REMOVED_AT].string_value = now
    records.store.put_artifacts(artifacts)
