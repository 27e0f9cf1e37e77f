"""Reads from ML Metadata what the components of a run did."""

from __future__ import annotations

from pipeline.component_record import ComponentRecord, OutputArtifact
from pipeline.lineage.graph import Execution
from pipeline.lineage.reading import MetadataReader
from pipeline.lineage.walk import CACHED, COMPLETE
from pipeline.metadata_store import find_store
from pipeline.paths import OutputPaths


class RunRecords:
    """Records of one run.

    Args:
        paths: Its output folder.
        run: Its id, which no other run has.
    """

    def __init__(self, paths: OutputPaths, run: str) -> None:
        self._metadata = paths.metadata
        self._run = run

    def components(self) -> dict[str, ComponentRecord]:
        """The components that have run, by id; none before the first has begun."""
        store = find_store(self._metadata)
        if store is None:
            return {}
        reader = MetadataReader(store)
        executions = reader.executions(reader.executions_of_run(self._run))
        return {execution.node: _record(reader, execution) for execution in executions.values()}


def _record(reader: MetadataReader, execution: Execution) -> ComponentRecord:
    names = {
        edge.artifact: edge.key
        for edge in reader.edges_of_executions([execution.id])
        if edge.kind in ("output", "resolved")
    }
    return ComponentRecord(
        succeeded=execution.state in (CACHED, COMPLETE),
        cached=execution.state == CACHED,
        outputs={
            names[artifact.id]: OutputArtifact(uri=artifact.uri, values=artifact.properties)
            for artifact in reader.artifacts(names).values()
        },
    )
