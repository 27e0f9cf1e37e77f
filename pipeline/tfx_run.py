"""Runs the graph on this machine and follows it; loading this loads TFX."""

from __future__ import annotations

import logging
import sys
import time
import uuid
from datetime import datetime

from absl import logging as absl_logging

from components.datasets.sources import ResolvedSource
from pipeline.compilation import compile_pipeline
from pipeline.component_record import ComponentRecord
from pipeline.concurrency import run_side_by_side
from pipeline.config import Config
from pipeline.dag import NEVER_CACHED, create_evaluation_pipeline, create_pipeline
from pipeline.exported_models import ExportedModels
from pipeline.failure import IncompleteError
from pipeline.figures import key_figure
from pipeline.paths import OutputPaths
from pipeline.progress import LOGGER, ComponentTime, ProgressHandler, running
from pipeline.recovery import close_killed_executions
from pipeline.run_records import RunRecords
from pipeline.terminal import Terminal


def run_pipeline(
    config: Config,
    paths: OutputPaths,
    source: ResolvedSource,
    terminal: Terminal,
    times: dict[str, ComponentTime],
    models: ExportedModels | None,
    tune: bool,
) -> dict[str, ComponentRecord]:
    """Runs every component that the cache cannot answer for.

    Args:
        config: What the run was told.
        paths: Its output folder, which no other process works on.
        source: The raw files.
        terminal: Where each component is reported.
        times: Filled with the time of each component that begins.
        models: Models to evaluate instead of training one; None to train.
        tune: Whether to search for better hyperparameters before the training.

    Returns:
        What each component did.

    Raises:
        IncompleteError: The inputs of a component could not be resolved.
    """
    # Of our own making, so that the run is found in a store that others use at the same time.
    run = f"{datetime.now().isoformat()}-{uuid.uuid4().hex[:8]}"
    records = RunRecords(paths, run)
    close_killed_executions(paths, config.metadata.pipeline)
    if models:
        pipeline = create_evaluation_pipeline(config, paths, source, models)
    else:
        pipeline = create_pipeline(config, paths, source, tune)

    def show_running() -> None:
        terminal.begin(*(entry.name for entry in running(times)))

    def report(ended: ComponentTime) -> None:
        record = records.components()[ended.name]
        ended.cached = record.cached
        if not record.succeeded:
            # TFX would go on, and push a model that was compared with no baseline.
            raise IncompleteError(f"{ended.name} did not complete: its inputs cannot be resolved.")
        figure = key_figure(ended.name, record.outputs)
        terminal.end(ended.name, ended.seconds or 0.0, record.cached, figure)
        show_running()

    def fail(name: str, others: list[str]) -> None:
        failed = times.setdefault(name, ComponentTime(name, time.monotonic()))
        failed.stop()
        failed.failed = True
        if others:
            terminal.note(f"{name} failed. Waiting for the end of {', '.join(others)}.")

    names = [component.id for component in pipeline.components]
    handler = ProgressHandler(names, show_running, report, times)
    absl_logging.set_verbosity(absl_logging.INFO)  # the handler waits for messages of this level
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    arguments = sys.argv
    sys.argv = arguments[:1]  # Beam and absl would take the command line for their own flags
    try:
        compiled = compile_pipeline(pipeline, NEVER_CACHED, run)
        run_side_by_side(compiled, config.local.components_at_once, fail)
    finally:
        sys.argv = arguments
        logger.removeHandler(handler)
    return records.components()
