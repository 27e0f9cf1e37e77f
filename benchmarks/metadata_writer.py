"""Writes metadata through the API of ML Metadata as runs of a pipeline would leave it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import ml_metadata as mlmd
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2

_PIPELINE = "movielens-retrieval"
_KINDS = {str: "string", int: "int", float: "double"}
Event = metadata_store_pb2.Event
Execution = metadata_store_pb2.Execution
Properties = Mapping[str, str | int | float | dict[str, float]]


class MetadataWriter:
    """Writes runs as TFX does.

    Args:
        output: The output folder; its database and artifacts get the places that runs give them.
    """

    def __init__(self, output: Path) -> None:
        database = output / "metadata" / "metadata.db"
        database.parent.mkdir(parents=True)
        modes = metadata_store_pb2.SqliteMetadataSourceConfig
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(database)
        connection.sqlite.connection_mode = modes.READWRITE_OPENCREATE
        self.store = mlmd.MetadataStore(connection)
        self._output = output
        self._types: dict[str, int] = {}
        self._contexts: list[metadata_store_pb2.Context] = []
        self._executions = 0

    def begin_run(self, name: str) -> None:
        """The steps that follow belong to a new run."""
        kinds = (("pipeline", _PIPELINE), ("pipeline_run", name))
        self._contexts = [self._context(kind, called) for kind, called in kinds]

    def step(
        self,
        node: str,
        inputs: Mapping[str, int],
        outputs: Mapping[str, str],
        properties: Mapping[str, Properties] | None = None,
        cached: Mapping[str, int] | None = None,
        state: str = "COMPLETE",
    ) -> dict[str, int]:
        """Puts an execution; returns the ids of its outputs by name.

        Args:
            node: Id of the component.
            inputs: Ids of what it took, by name.
            outputs: Types of what it gave, by name.
            properties: Custom properties of what it gave by the name of the output, and of the
                execution itself under its node.
            cached: The outputs, where they were answered from the cache.
            state: State of the execution, where it was not.
        """
        self._executions += 1
        execution = Execution(
            type_id=self._type("execution", f"components.{node.lower()}.component.{node}"),
            last_known_state=Execution.State.Value("CACHED" if cached else state),
        )
        _set(execution, (properties or {}).get(node, {}))
        known = [*inputs.values(), *(cached or {}).values()]
        by_id = {found.id: found for found in self.store.get_artifacts_by_id(known)}
        pairs = [(by_id[taken], _event(Event.INPUT, name)) for name, taken in inputs.items()]
        for name, artifact_type in outputs.items():
            if cached:
                artifact = by_id[cached[name]]
            else:
                artifact = metadata_store_pb2.Artifact(
                    type_id=self._type("artifact", artifact_type),
                    uri=str(self._output / "artifacts" / node / name / str(self._executions)),
                    state=metadata_store_pb2.Artifact.LIVE,
                )
                _set(artifact, (properties or {}).get(name, {}))
            pairs.append((artifact, _event(Event.OUTPUT, name)))
        contexts = [*self._contexts, self._context("node", f"{_PIPELINE}.{node}")]
        _, ids, _ = self.store.put_execution(
            execution, pairs, contexts, reuse_context_if_already_exist=True
        )
        return dict(zip(outputs, ids[len(inputs) :], strict=True))

    def _context(self, kind: str, name: str) -> metadata_store_pb2.Context:
        return metadata_store_pb2.Context(type_id=self._type("context", kind), name=name)

    def _type(self, kind: str, name: str) -> int:
        key = f"{kind} {name}"
        if key not in self._types:
            types = {
                "artifact": metadata_store_pb2.ArtifactType,
                "execution": metadata_store_pb2.ExecutionType,
                "context": metadata_store_pb2.ContextType,
            }
            self._types[key] = getattr(self.store, f"put_{kind}_type")(types[kind](name=name))
        return self._types[key]


def _set(
    proto: metadata_store_pb2.Artifact | metadata_store_pb2.Execution,
    properties: Properties,
) -> None:
    for name, value in properties.items():
        if isinstance(value, dict):
            json_format.ParseDict(value, proto.custom_properties[name].struct_value)
        else:
            setattr(proto.custom_properties[name], f"{_KINDS[type(value)]}_value", value)


def _event(kind: int, name: str) -> metadata_store_pb2.Event:
    event = Event(type=kind)
    event.path.steps.add().key = name
    return event
