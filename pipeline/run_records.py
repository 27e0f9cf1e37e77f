"""Reads from ML Metadata what the components of a run did."""

from __future__ import annotations

from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from pipeline.component_record import ComponentRecord, OutputArtifact

_RUN_CONTEXT = "pipeline_run"
_NODE_CONTEXT = "node"
_OUTPUT_EVENTS = (
    metadata_store_pb2.Event.OUTPUT,
    metadata_store_pb2.Event.DECLARED_OUTPUT,
    metadata_store_pb2.Event.INTERNAL_OUTPUT,
)


class RunRecords:
    """Records of the run that begins after this object was made.

    Args:
        database: SQLite database of ML Metadata, which need not exist yet.
    """

    def __init__(self, database: Path) -> None:
        self._connection = metadata.sqlite_metadata_connection_config(str(database))
        self._earlier_run = self._newest_run() if database.exists() else 0

    def components(self) -> dict[str, ComponentRecord]:
        """The components that have run, by id; none before the first has begun."""
        run = self._newest_run()
        if run <= self._earlier_run:
            return {}
        store = self._store()
        return {
            _node_id(store, execution): _record(store, execution)
            for execution in store.get_executions_by_context(run)
        }

    def _newest_run(self) -> int:
        contexts = self._store().get_contexts_by_type(_RUN_CONTEXT)
        return max((context.id for context in contexts), default=0)

    def _store(self) -> mlmd.MetadataStore:
        return mlmd.MetadataStore(self._connection)


def _node_id(store: mlmd.MetadataStore, execution: metadata_store_pb2.Execution) -> str:
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == _NODE_CONTEXT:
            return str(context.name).rpartition(".")[2]
    raise LookupError(f"execution {execution.id} belongs to no component")


def _record(store: mlmd.MetadataStore, execution: metadata_store_pb2.Execution) -> ComponentRecord:
    names = {
        event.artifact_id: event.path.steps[0].key
        for event in store.get_events_by_execution_ids([execution.id])
        if event.type in _OUTPUT_EVENTS
    }
    state = execution.last_known_state
    cached = state == metadata_store_pb2.Execution.CACHED
    return ComponentRecord(
        succeeded=cached or state == metadata_store_pb2.Execution.COMPLETE,
        cached=cached,
        outputs={
            names[artifact.id]: OutputArtifact(
                uri=artifact.uri,
                values={
                    name: getattr(value, value.WhichOneof("value"))
                    for name, value in artifact.custom_properties.items()
                },
            )
            for artifact in store.get_artifacts_by_id(list(names))
        },
    )
