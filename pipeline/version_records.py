"""Reads from ML Metadata which versions were pushed and how they were judged; without TFX."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import ml_metadata as mlmd

from components.pusher.pushed_model import (
    PUSHED_DESTINATION,
    PUSHED_VERSION,
    REMOVED_AT,
    ROLLED_BACK_TO,
    TREE_SHA256,
)
from pipeline.lineage.graph import Artifact, EdgeKind
from pipeline.lineage.reading import MetadataReader
from pipeline.lineage.walk import makers
from pipeline.metadata_store import find_store
from pipeline.paths import OutputPaths

PUSHED_MODEL = "PushedModel"
_BLESSING = "ModelBlessing"
_EVALUATION = "ModelEvaluation"


@dataclasses.dataclass(frozen=True)
class VersionRecord:
    """What is recorded of a version.

    Attributes:
        artifacts: Its PushedModel artifacts: of the push, then of runs that found it unchanged.
    """

    artifacts: list[Artifact]

    @property
    def pushed_at(self) -> datetime:
        """When it was pushed."""
        return self.artifacts[0].created_at

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
        values = (artifact.properties.get(name) for artifact in self.artifacts)
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
        store: The store; without one, nothing is recorded.
        paths: The output folder. Other folders may share a server; their versions are left out.

    Attributes:
        store: The store.
    """

    def __init__(self, store: mlmd.MetadataStore | None, paths: OutputPaths) -> None:
        self.store = store
        self._reader = MetadataReader(store) if store else None
        self._serving = paths.serving if paths.server else None

    @classmethod
    def of(cls, paths: OutputPaths, writable: bool = False) -> VersionRecords:
        """Records of an output folder, which need not have any.

        Args:
            paths: The output folder.
            writable: Whether `store` is to be written to.

        Raises:
            OutputError: Its metadata cannot be opened.
        """
        return cls(find_store(paths.metadata, writable), paths)

    def by_version(self) -> dict[int, VersionRecord]:
        """The versions that were pushed."""
        artifacts = defaultdict(list)
        for artifact in self._reader.artifacts_of_type(PUSHED_MODEL) if self._reader else []:
            version = artifact.properties.get(PUSHED_VERSION)
            if version is not None and self._is_ours(artifact):  # None where nothing was pushed
                artifacts[int(version)].append(artifact)
        return {version: VersionRecord(found) for version, found in artifacts.items()}

    def _is_ours(self, artifact: Artifact) -> bool:
        if self._serving is None:
            return True
        return Path(artifact.properties[PUSHED_DESTINATION]).parent == self._serving

    def judgement(self, record: VersionRecord) -> Judgement | None:
        """What the Evaluator said of a version before it was pushed; None where it was not asked.

        A republication is judged as what it is again.

        Args:
            record: Record of the version.
        """
        pushed: int | None = record.artifacts[0].id
        while pushed is not None:
            inputs = self._beside(pushed, "input")
            if _BLESSING in inputs:
                blessing = inputs[_BLESSING]
                evaluation = self._beside(blessing.id, "output")[_EVALUATION]
                metrics = json.loads(evaluation.properties["metrics"])
                return Judgement(bool(blessing.properties["blessed"]), metrics)
            pushed = inputs[PUSHED_MODEL].id if PUSHED_MODEL in inputs else None
        return None

    def _beside(self, artifact: int, kind: EdgeKind) -> dict[str, Artifact]:
        """What the execution that made an artifact took or gave, by type."""
        assert self._reader is not None
        made, _ = makers(self._reader, self._reader.edges_of_artifacts([artifact]))
        edges = self._reader.edges_of_executions([made[artifact]])
        found = self._reader.artifacts([edge.artifact for edge in edges if edge.kind == kind])
        return {artifact.type: artifact for artifact in found.values()}
