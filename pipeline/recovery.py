"""Clears up after runs that were killed, so that no half artifact passes for a whole one."""

from __future__ import annotations

import logging
import os

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.io import fileio

from pipeline.lineage.reading import PIPELINE_CONTEXT
from pipeline.metadata_store import find_store
from pipeline.paths import OutputPaths

_UNFINISHED = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)


def close_killed_executions(paths: OutputPaths, pipeline: str) -> int:
    """Marks executions that nobody works on any more as failed and deletes what they left.

    Only to be called by the one process that holds the output folder. In a server there may be
    runs that work on other folders: there only executions that left something here are closed.

    Args:
        paths: The output folder.
        pipeline: Name of the pipeline.

    Returns:
        The number of such executions.
    """
    store = find_store(paths.metadata, writable=True)
    if store is None:
        return 0
    context = store.get_context_by_type_and_name(PIPELINE_CONTEXT, pipeline)
    if context is None:
        return 0
    unfinished = {
        execution.id: execution
        for execution in store.get_executions_by_context(context.id)
        if execution.last_known_state in _UNFINISHED
    }
    folders = {identity: _folders_of(paths.artifacts, identity) for identity in unfinished}
    killed = [
        execution
        for identity, execution in unfinished.items()
        if folders[identity] or not paths.server
    ]
    for execution in killed:
        for folder in folders[execution.id]:
            logging.info("Deleting %s, left by a run that was killed", folder)
            fileio.rmtree(folder)
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
    if killed:
        store.put_executions(killed)
    return len(killed)


def _folders_of(artifacts: str, execution_id: int) -> list[str]:
    """Outputs at `component/output/id`, working folders at `component/.system/kind/id`."""
    patterns = (f"*/*/{execution_id}", f"*/.system/*/{execution_id}")
    return [
        folder for pattern in patterns for folder in fileio.glob(os.path.join(artifacts, pattern))
    ]
