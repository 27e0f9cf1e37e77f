"""Reads ML Metadata as plain data; loads neither TensorFlow nor TFX, and asks by ids alone.

`filter_query` and `get_lineage_subgraph` need a part of ML Metadata that its newer wheels lack.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

import ml_metadata as mlmd
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2

from pipeline.lineage.graph import Artifact, Edge, EdgeKind, Execution
from pipeline.sqlite_store import patiently

PIPELINE_CONTEXT = "pipeline"
RUN_CONTEXT = "pipeline_run"
NODE_CONTEXT = "node"
# The Evaluator's input that a model is compared with, as TFX calls it.
_BASELINE = "baseline_model"
_Event = metadata_store_pb2.Event
_KINDS: dict[int, EdgeKind] = {
    _Event.INPUT: "input",
    _Event.DECLARED_INPUT: "input",
    _Event.INTERNAL_INPUT: "input",
    _Event.OUTPUT: "output",
    _Event.DECLARED_OUTPUT: "output",
    _Event.INTERNAL_OUTPUT: "resolved",
}
# So many executions at least are asked for by component, as one question each would take longer.
_MANY = 100
# TFX wraps JSON values so.
_JSON_VALUE = "__value__"


class _PatientStore:
    """A store, each of whose methods is called patiently."""

    def __init__(self, store: mlmd.MetadataStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        return lambda *arguments: patiently(lambda: method(*arguments))


class MetadataReader:
    """Answers from a store; nothing is kept between two questions, so a run may go on meanwhile.

    Args:
        store: The store, of whatever kind.
    """

    def __init__(self, store: mlmd.MetadataStore) -> None:
        self._store = _PatientStore(store)

    def artifacts(self, ids: Collection[int]) -> dict[int, Artifact]:
        """Artifacts by id; without those that are not there."""
        found = self._store.get_artifacts_by_id(sorted(ids)) if ids else []
        return {proto.id: artifact_of(proto) for proto in found}

    def artifacts_of_type(self, artifact_type: str) -> list[Artifact]:
        """All artifacts of a type, by id."""
        found = self._store.get_artifacts_by_type(artifact_type)
        return sorted(map(artifact_of, found), key=lambda artifact: artifact.id)

    def all_artifacts(self) -> list[Artifact]:
        """All artifacts, by id."""
        found = map(artifact_of, self._store.get_artifacts())
        return sorted(found, key=lambda artifact: artifact.id)

    def artifacts_at(self, uri: str) -> list[Artifact]:
        """The artifacts that are kept in one place, by id."""
        found = map(artifact_of, self._store.get_artifacts_by_uri(uri))
        return sorted(found, key=lambda artifact: artifact.id)

    def executions(self, ids: Collection[int]) -> dict[int, Execution]:
        """Executions by id; without those that are not there."""
        found = self._store.get_executions_by_id(sorted(ids)) if ids else []
        return {execution.id: execution for execution in self._executions_of(found)}

    def states(self, ids: Collection[int]) -> dict[int, str]:
        """States of executions by id."""
        found = self._store.get_executions_by_id(sorted(ids)) if ids else []
        return {proto.id: _state(proto) for proto in found}

    def run_of(self, execution: int) -> str | None:
        """Id of the pipeline run of an execution; None where it belongs to none, as a rollback."""
        return self._contexts_of(execution).get(RUN_CONTEXT)

    def executions_of_run(self, run: str) -> set[int]:
        """Ids of the executions of a pipeline run."""
        context = self._store.get_context_by_type_and_name(RUN_CONTEXT, run)
        found = self._store.get_executions_by_context(context.id) if context else []
        return {execution.id for execution in found}

    def edges_of_artifacts(self, ids: Collection[int]) -> list[Edge]:
        """Everything that took or gave one of some artifacts."""
        return _edges(self._store.get_events_by_artifact_ids(sorted(ids)) if ids else [])

    def edges_of_executions(self, ids: Collection[int]) -> list[Edge]:
        """Everything that one of some executions took or gave."""
        return _edges(self._store.get_events_by_execution_ids(sorted(ids)) if ids else [])

    def _executions_of(self, protos: Sequence[metadata_store_pb2.Execution]) -> list[Execution]:
        nodes = self._nodes([proto.id for proto in protos])
        return [
            Execution(
                id=proto.id,
                type=proto.type,
                node=nodes.get(proto.id, proto.type).rpartition(".")[2],
                state=_state(proto),
                properties=_properties(proto),
                began_at=_time(proto.create_time_since_epoch),
                ended_at=_time(proto.last_update_time_since_epoch),
            )
            for proto in protos
        ]

    def _nodes(self, executions: Sequence[int]) -> dict[int, str]:
        """Names of the contexts of the components of executions, by id."""
        if len(executions) < _MANY:
            named = {e: self._contexts_of(e).get(NODE_CONTEXT) for e in executions}
            return {execution: name for execution, name in named.items() if name is not None}
        wanted = set(executions)
        return {
            execution.id: str(context.name)
            for context in self._store.get_contexts_by_type(NODE_CONTEXT)
            for execution in self._store.get_executions_by_context(context.id)
            if execution.id in wanted
        }

    def _contexts_of(self, execution: int) -> dict[str, str]:
        """Names of the contexts of an execution, by type."""
        try:
            found = self._store.get_contexts_by_execution(execution)
        except mlmd.errors.NotFoundError:  # how a store says that there are none
            return {}
        return {context.type: str(context.name) for context in found}


def artifact_of(proto: metadata_store_pb2.Artifact) -> Artifact:
    """An artifact as plain data."""
    return Artifact(
        id=proto.id,
        type=proto.type,
        uri=proto.uri,
        state=metadata_store_pb2.Artifact.State.Name(proto.state),
        properties=_properties(proto),
        created_at=_time(proto.create_time_since_epoch),
    )


def _state(proto: metadata_store_pb2.Execution) -> str:
    return str(metadata_store_pb2.Execution.State.Name(proto.last_known_state))


def _properties(
    proto: metadata_store_pb2.Artifact | metadata_store_pb2.Execution,
) -> dict[str, Any]:
    found = [*proto.properties.items(), *proto.custom_properties.items()]
    return {name: _plain(value) for name, value in sorted(found, key=lambda item: item[0])}


def _plain(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    content = getattr(value, kind)
    if kind not in ("struct_value", "proto_value"):
        return content
    content = json_format.MessageToDict(content)
    return content.get(_JSON_VALUE, content)


def _edges(events: Iterable[metadata_store_pb2.Event]) -> list[Edge]:
    found = []
    for event in events:
        kind = _KINDS.get(event.type)
        if kind is None:
            continue
        steps = event.path.steps
        key = steps[0].key if steps else ""
        if kind == "input" and key == _BASELINE:
            kind = "baseline"
        found.append(Edge(event.execution_id, event.artifact_id, kind, key))
    return found


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
