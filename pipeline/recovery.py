"""Clears up after runs that were killed, so that no half artifact passes for a whole one."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.lineage.reading import open_store
from pipeline.paths import OutputPaths

_UNFINISHED = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)


def close_killed_executions(paths: OutputPaths) -> int:
    """Marks executions that nobody works on any more as failed and deletes what they left.

    Only to be called by the one process that holds the output folder.

    Returns:
        The number of such executions.
    """
    if not paths.metadata.exists():
        return 0
    store = open_store(paths.metadata, writable=True)
    killed = [e for e in store.get_executions() if e.last_known_state in _UNFINISHED]
    for execution in killed:
        for folder in _folders_of(paths.artifacts, execution.id):
            logging.info("Deleting %s, left by a run that was killed", folder)
            shutil.rmtree(folder)
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
    if killed:
        store.put_executions(killed)
    return len(killed)


def _folders_of(artifacts: Path, execution_id: int) -> list[Path]:
    """Outputs at `component/output/id`, working folders at `component/.system/kind/id`."""
    patterns = (f"*/*/{execution_id}", f"*/.system/*/{execution_id}")
    return [folder for pattern in patterns for folder in artifacts.glob(pattern)]
