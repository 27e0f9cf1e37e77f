"""Artifacts, the executions that made them, and what went from which to which; plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

EdgeKind = Literal["input", "baseline", "output", "resolved"]


@dataclasses.dataclass(frozen=True)
class Artifact:
    """Something that a component gave out.

    Attributes:
        id: Its id in the store.
        type: Name of its type, such as `Model`.
        uri: Where its files are; a folder, as a rule.
        state: In capitals, such as `LIVE`.
        properties: Properties and custom properties by name.
        created_at: When it was recorded, UTC.
    """

    id: int
    type: str
    uri: str
    state: str
    properties: Mapping[str, Any]
    created_at: datetime


@dataclasses.dataclass(frozen=True)
class Execution:
    """One time that a component did its work, or was answered from the cache.

    Attributes:
        id: Its id in the store.
        type: Dotted name of its type, such as `components.trainer.component.RetrievalTrainer`.
        node: Id of the component in the pipeline, such as `Trainer`; the last part of its type
            where it belongs to no pipeline, as a rollback.
        state: In capitals, such as `COMPLETE` or `CACHED`.
        properties: Properties and custom properties by name.
        began_at: When it was recorded, UTC.
        ended_at: When it was last changed, UTC.
    """

    id: int
    type: str
    node: str
    state: str
    properties: Mapping[str, Any]
    began_at: datetime
    ended_at: datetime


@dataclasses.dataclass(frozen=True)
class Edge:
    """That an execution took an artifact, or gave it.

    Attributes:
        execution: Id of the execution.
        artifact: Id of the artifact.
        kind: `input`; `baseline` where a model was only compared with it; `output`; `resolved`
            where a resolver passed on what others had made.
        key: Name of the input or the output.
    """

    execution: int
    artifact: int
    kind: EdgeKind
    key: str


@dataclasses.dataclass(frozen=True)
class Lineage:
    """A part of the store around one artifact.

    Attributes:
        target: Id of that artifact.
        artifacts: Every artifact once, by id; baselines too, though not what they were made from.
        executions: The executions that made them, by id, never one that was answered from the
            cache; that of a baseline is not there.
        edges: What these executions took and gave.
        producers: Id of the execution that made an artifact, by the artifact's id.
        baselines: Ids of the artifacts that are there only because a model was compared with them.
        cached: Ids of the executions that had an artifact from the cache, by its id.
        run: Id of the pipeline run that the target, or what it is again, came from; None where
            there is none.
        from_cache: Ids of the artifacts that this run had from the cache.
    """

    target: int
    artifacts: Mapping[int, Artifact]
    executions: Mapping[int, Execution]
    edges: tuple[Edge, ...]
    producers: Mapping[int, int]
    baselines: frozenset[int]
    cached: Mapping[int, tuple[int, ...]]
    run: str | None
    from_cache: frozenset[int]

    def producer(self, artifact: int) -> Execution | None:
        """The execution that made an artifact; None where it is not known or a baseline's."""
        execution = self.producers.get(artifact)
        return None if execution is None else self.executions.get(execution)

    def inputs(self, execution: int) -> list[Edge]:
        """What an execution took, baselines included."""
        return [
            edge
            for edge in self.edges
            if edge.execution == execution and edge.kind in ("input", "baseline")
        ]

    def outputs(self, execution: int) -> list[Edge]:
        """What an execution gave."""
        return [e for e in self.edges if e.execution == execution and e.kind == "output"]

    def of_type(self, artifact_type: str) -> list[Artifact]:
        """Its artifacts of a type, by id, without baselines."""
        return [
            artifact
            for identity, artifact in sorted(self.artifacts.items())
            if artifact.type == artifact_type and identity not in self.baselines
        ]
