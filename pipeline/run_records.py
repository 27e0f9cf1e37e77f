"""Reads from ML Metadata what the components of a run did."""

from __future__ import annotations

from pathlib import Path

from pipeline.component_record import ComponentRecord, OutputArtifact
from pipeline.lineage.graph import Execution
from pipeline.lineage.reading import MetadataReader, open_store
from pipeline.lineage.walk import CACHED, COMPLETE


class RunRecords:
    """Records of the run that begins after this object was made.

    Args:
        database: SQLite database of ML Metadata, which need not exist yet.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        reader = self._reader()
        self._earlier_run = reader.newest_run() if reader else 0

    def components(self) -> dict[str, ComponentRecord]:
        """The components that have run, by id; none before the first has begun."""
        reader = self._reader()
        run = reader.newest_run() if reader else 0
        if reader is None or run <= self._earlier_run:
            return {}
        return {
            execution.node: _record(reader, execution) for execution in reader.executions_in(run)
        }

    def _reader(self) -> MetadataReader | None:
        return MetadataReader(open_store(self._database)) if self._database.exists() else None


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
