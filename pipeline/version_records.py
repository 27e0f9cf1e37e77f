"""Reads from ML Metadata which versions were pushed and how they were judged; without TFX."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from components.pusher.pushed_model import (
    PUSHED_VERSION,
    REMOVED_AT,
    ROLLED_BACK_TO,
    TREE_SHA256,
)
from pipeline.failure import OutputError

PUSHED_MODEL = "PushedModel"
_BLESSING = "ModelBlessing"
_EVALUATION = "ModelEvaluation"
_INPUT_EVENTS = (
    metadata_store_pb2.Event.INPUT,
    metadata_store_pb2.Event.DECLARED_INPUT,
    metadata_store_pb2.Event.INTERNAL_INPUT,
)
_OUTPUT_EVENTS = (
    metadata_store_pb2.Event.OUTPUT,
    metadata_store_pb2.Event.DECLARED_OUTPUT,
    metadata_store_pb2.Event.INTERNAL_OUTPUT,
)


@dataclasses.dataclass(frozen=True)
class VersionRecord:
    """What is recorded of a version.

    Attributes:
        artifacts: Its PushedModel artifacts: of the push, then of runs that found it unchanged.
    """

    artifacts: list[metadata_store_pb2.Artifact]

    @property
    def pushed_at(self) -> datetime:
        """When it was pushed."""
        milliseconds = self.artifacts[0].create_time_since_epoch
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)

    @property
    def tree_sha256(self) -> str | None:
        """Checksum of its files; None where a Pusher of an earlier release did not record it."""
        return self._first(TREE_SHA256)

    @property
    def republication_of(self) -> int | None:
        """The earlier version that it is again; None where it is none."""
        return self._first(ROLLED_BACK_TO)

    @property
    def removed_at(self) -> str | None:
        """When it was removed, in ISO 8601; None where that is not recorded."""
        return self._first(REMOVED_AT)

    def _first(self, name: str) -> Any:
        values = (_value(artifact, name) for artifact in self.artifacts)
        return next((value for value in values if value is not None), None)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the Evaluator said of a model.

    Attributes:
        blessed: Whether it passed the gate.
        metrics: What was measured, by name.
    """

    blessed: bool
    metrics: Mapping[str, float]


class VersionRecords:
    """Records of the versions of an output folder.

    Args:
        database: SQLite database of ML Metadata; without one, nothing is recorded.
        writable: Whether `store` is to be written to.

    Raises:
        OutputError: The database cannot be opened.

    Attributes:
        store: The store; None where there is no database.
    """

    def __init__(self, database: Path, writable: bool = False) -> None:
        self.store: mlmd.MetadataStore | None = None
        if not database.exists():
            return
        modes = metadata_store_pb2.SqliteMetadataSourceConfig
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(database)
        connection.sqlite.connection_mode = modes.READWRITE if writable else modes.READONLY
        try:
            self.store = mlmd.MetadataStore(connection)
        except RuntimeError as error:
            raise OutputError(
                f"the metadata in {database} cannot be opened: it is in use, damaged or not of ML"
                " Metadata."
            ) from error

    def by_version(self) -> dict[int, VersionRecord]:
        """The versions that were pushed."""
        artifacts = defaultdict(list)
        if self.store is not None:
            for artifact in self.store.get_artifacts_by_type(PUSHED_MODEL):
                version = _value(artifact, PUSHED_VERSION)
                if version is not None:  # None where nothing was pushed
                    artifacts[int(version)].append(artifact)
        return {
            version: VersionRecord(sorted(found, key=lambda artifact: artifact.id))
            for version, found in artifacts.items()
        }

    def judgement(self, record: VersionRecord) -> Judgement | None:
        """What the Evaluator said of a version before it was pushed; None where it was not asked.

        A republication is judged as what it is again.

        Args:
            record: Record of the version.
        """
        pushed: int | None = record.artifacts[0].id
        while pushed is not None:
            inputs = self._artifacts(self._producer(pushed), _INPUT_EVENTS)
            if _BLESSING in inputs:
                blessing = inputs[_BLESSING]
                outputs = self._artifacts(self._producer(blessing.id), _OUTPUT_EVENTS)
                metrics = json.loads(_value(outputs[_EVALUATION], "metrics"))
                return Judgement(bool(_value(blessing, "blessed")), metrics)
            pushed = inputs[PUSHED_MODEL].id if PUSHED_MODEL in inputs else None
        return None

    def _producer(self, artifact: int) -> int:
        """The execution that made an artifact; later ones had it from the cache."""
        assert self.store is not None
        events = self.store.get_events_by_artifact_ids([artifact])
        return min(event.execution_id for event in events if event.type in _OUTPUT_EVENTS)

    def _artifacts(
        self, execution: int, event_types: tuple[int, ...]
    ) -> dict[str, metadata_store_pb2.Artifact]:
        """What an execution took or gave, by type."""
        assert self.store is not None
        events = self.store.get_events_by_execution_ids([execution])
        ids = [event.artifact_id for event in events if event.type in event_types]
        return {artifact.type: artifact for artifact in self.store.get_artifacts_by_id(ids)}


def _value(artifact: metadata_store_pb2.Artifact, name: str) -> Any:
    """A custom property; None where there is none."""
    if name not in artifact.custom_properties:
        return None
    value = artifact.custom_properties[name]
    return getattr(value, value.WhichOneof("value"))
