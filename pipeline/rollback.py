"""Makes an earlier version current again, under a new number, for servers use the highest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from components.pusher.pushed_model import (
    OUTCOME,
    OUTCOME_ROLLED_BACK,
    PUSHED,
    PUSHED_DESTINATION,
    PUSHED_VERSION,
    ROLLED_BACK_FROM,
    ROLLED_BACK_TO,
    SUPERSEDED_ID,
    TREE_SHA256,
)
from components.pusher.version_folder import push, tree_sha256
from pipeline.failure import OutputError
from pipeline.lineage.reading import PIPELINE_CONTEXT
from pipeline.output_lock import locked_output
from pipeline.paths import OutputPaths
from pipeline.version_records import PUSHED_MODEL, VersionRecord, VersionRecords
from pipeline.versions import nothing_pushed

_EXECUTION_TYPE = "Rollback"
# Name of the input and of the output, as the Pusher has it.
_CHANNEL = "pushed_model"


@dataclasses.dataclass(frozen=True)
class Rollback:
    """What a rollback did.

    Attributes:
        version: The version that is current now.
        rolled_back_to: The earlier version that it is again.
        rolled_back_from: The version that was current till then.
        path: Folder of the new version.
    """

    version: int
    rolled_back_to: int
    rolled_back_from: int
    path: Path


def roll_back(paths: OutputPaths, version: int | None) -> Rollback:
    """Publishes an earlier version again, once its files have proved to be those that were pushed.

    Args:
        paths: Output folder of the runs that pushed it.
        version: The version; None for the one that was served before the current one. Where that
            is itself a republication, it is the one that was served before what it is again: to go
            back twice is to go back two steps, not back and forth.

    Raises:
        OutputError: There is no such version, or it is served already, or its files are not those
            that were pushed; nothing was published.
    """
    if not paths.versions():
        raise nothing_pushed(paths)
    with locked_output(paths.output):
        records = VersionRecords.of(paths, writable=True)
        recorded, served = records.by_version(), paths.versions()
        current = served[-1]
        target = _served_before(current, recorded, served) if version is None else version
        checksum = _verified_checksum(paths, target, recorded, served)
        assert records.store is not None
        lineage = _Lineage(records.store, recorded[target])
        try:
            new = push(str(paths.serving / str(target)), str(paths.serving))
        except OSError as error:
            raise OutputError(f"version {target} cannot be published again: {error}.") from error
        rollback = Rollback(new, target, current, paths.serving / str(new))
        lineage.record(rollback, recorded.get(current), checksum)
    return rollback


def _served_before(
    current: int, recorded: Mapping[int, VersionRecord], served: Sequence[int]
) -> int:
    """The version that was served before a current one, be its files there or not."""
    if current not in recorded:
        raise OutputError(
            f"version {current}, the current one, is not in the metadata, so what was served before"
            f" it is not known; {_remedy(served[:-1])}."
        )
    origin = current
    while origin in recorded and (source := recorded[origin].republication_of) is not None:
        origin = source
    earlier = [number for number in recorded.keys() | set(served) if number < origin]
    if not earlier:
        remedy = _remedy([number for number in served[:-1] if number != origin])
        again = "" if origin == current else f" is version {origin} again, which"
        raise OutputError(
            f"version {current}, the current one,{again} is the first that was pushed: there is no"
            f" earlier one to roll back to; {remedy}."
        )
    return max(earlier)


def _verified_checksum(
    paths: OutputPaths,
    target: int,
    recorded: Mapping[int, VersionRecord],
    served: Sequence[int],
) -> str:
    """Checksum of the files of a version that may be published again."""
    current, folder = served[-1], paths.serving / str(target)
    remedy = _remedy([number for number in served[:-1] if number != target])
    if target not in recorded and target not in served:
        raise OutputError(f"version {target} was not pushed to {paths.serving}; {remedy}.")
    if target == current:
        raise OutputError(f"version {target} is the current one already; {remedy}.")
    if target not in served:
        removed_at = recorded[target].removed_at
        when = f"were pruned at {removed_at}" if removed_at else f"are gone from {folder}"
        raise OutputError(f"the files of version {target} {when}; {remedy}.")
    expected = recorded[target].tree_sha256 if target in recorded else None
    if expected is None:
        raise OutputError(
            f"no checksum of version {target} was recorded when it was pushed, so its files cannot"
            f" be verified; {remedy}."
        )
    found = _checksum(folder)
    if found != expected:
        raise OutputError(
            f"the files in {folder} are not those that were pushed: their checksum is"
            f" {found[:12]}, not {expected[:12]}; {remedy}."
        )
    if found == _checksum(paths.serving / str(current)):
        raise OutputError(
            f"version {target} is served already, as version {current}: their files are the same;"
            f" {remedy}."
        )
    return found


def _remedy(others: Sequence[int]) -> str:
    if not others:
        return "there is no other: run the pipeline to push one"
    return f"name another with rollback VERSION: there are {', '.join(map(str, others))}"


def _checksum(folder: Path) -> str:
    try:
        return tree_sha256(str(folder))
    except OSError as error:
        raise OutputError(f"the files in {folder} cannot be read: {error}.") from error


class _Lineage:
    """Records a rollback; made before it, so that a store that cannot be written to prevents it.

    Args:
        store: The store.
        target: Record of the version that is published again.
    """

    def __init__(self, store: mlmd.MetadataStore, target: VersionRecord) -> None:
        self._store = store
        [self._source] = store.get_artifacts_by_id([target.artifacts[0].id])
        self._execution_type = store.put_execution_type(
            metadata_store_pb2.ExecutionType(name=_EXECUTION_TYPE)
        )
        self._artifact_type = store.get_artifact_type(PUSHED_MODEL).id
        self._contexts = [
            context
            for context in store.get_contexts_by_artifact(self._source.id)
            if context.type == PIPELINE_CONTEXT
        ]

    def record(self, rollback: Rollback, superseded: VersionRecord | None, checksum: str) -> None:
        """Puts an execution with the earlier artifact as its input and a new one as its output.

        Args:
            rollback: What was done.
            superseded: Record of the version that was current till then; None where there is none.
            checksum: Checksum of the files.
        """
        execution = metadata_store_pb2.Execution(
            type_id=self._execution_type,
            last_known_state=metadata_store_pb2.Execution.COMPLETE,
        )
        execution.custom_properties["base_directory"].string_value = str(rollback.path.parent)
        artifact = metadata_store_pb2.Artifact(
            type_id=self._artifact_type,
            uri=str(rollback.path),
            state=metadata_store_pb2.Artifact.LIVE,
        )
        properties = artifact.custom_properties
        properties[PUSHED].int_value = 1
        properties[PUSHED_DESTINATION].string_value = str(rollback.path)
        properties[PUSHED_VERSION].string_value = str(rollback.version)
        properties[OUTCOME].string_value = OUTCOME_ROLLED_BACK
        properties[TREE_SHA256].string_value = checksum
        properties[ROLLED_BACK_TO].int_value = rollback.rolled_back_to
        properties[ROLLED_BACK_FROM].int_value = rollback.rolled_back_from
        if superseded is not None:
            properties[SUPERSEDED_ID].int_value = superseded.artifacts[0].id
        self._store.put_execution(
            execution,
            [
                (self._source, _event(metadata_store_pb2.Event.INPUT)),
                (artifact, _event(metadata_store_pb2.Event.OUTPUT)),
            ],
            self._contexts,
        )


def _event(event_type: int) -> metadata_store_pb2.Event:
    event = metadata_store_pb2.Event(type=event_type)
    event.path.steps.add().key = _CHANNEL
    event.path.steps.add().index = 0
    return event
