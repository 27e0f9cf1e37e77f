"""Runs the pipeline on this machine, from the source of data to the verdict."""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime
from pathlib import Path

from components.datasets.errors import DataError
from components.evaluator.errors import GateError
from components.serving.indexes.errors import IndexUnavailableError
from pipeline.config import Config
from pipeline.exported_models import ExportedModels
from pipeline.failure import IncompleteError, OutputError, UsageError
from pipeline.garbage import loading
from pipeline.interruption import INTERRUPTED, insistent_interruption
from pipeline.log_capture import LogCapture, captured_logs
from pipeline.output_lock import locked_output
from pipeline.paths import OutputPaths
from pipeline.progress import ComponentTime, running
from pipeline.redaction import redacted_logs
from pipeline.run_report import RunReport
from pipeline.terminal import Terminal
from pipeline.verdict import Verdict, failure, judge, judge_evaluation


def run(
    config: Config,
    output: Path,
    as_json: bool,
    models: ExportedModels | None = None,
    tune: bool = False,
) -> int:
    """Runs the pipeline, tells how it went and returns the exit code.

    Args:
        config: What the run is told.
        output: Folder for all that the run makes.
        as_json: Whether the last line of standard output is one JSON object; all that people read
            then goes to standard error.
        models: Models to evaluate instead of training one; None to train.
        tune: Whether to search for better hyperparameters before the training.

    Raises:
        UsageError: The configuration does not fit a run on this machine.
    """
    _check_places(config)
    password = config.metadata.url.password if config.metadata.url else ""
    with captured_logs() as capture, redacted_logs(password):
        terminal = Terminal(capture.err if as_json else capture.out, capture.err)
        paths = OutputPaths.of(output, config.metadata.url, config.artifacts.root)
        report, exit_code = LocalRun(config, paths, terminal, capture, models, tune).execute()
        if report.verdict.outcome != "failed":
            report.print_to(terminal.console)
    if as_json:
        print(report.to_json(), flush=True)
    return exit_code


def _check_places(config: Config) -> None:
    if config.beam.engine == "dataflow" and not config.artifacts.root:
        raise UsageError(
            "workers of Dataflow cannot read files of this machine: add --set artifacts.root=URL,"
            " such as gs://bucket/folder."
        )
    distribution = config.training.distribution
    if distribution == "multi_worker_mirrored":
        raise UsageError(
            f"training.distribution={distribution} needs a process of its own for each worker: on"
            " this machine it is none or mirrored."
        )
    if distribution != "none":
        from components.trainer.distribution import strategy_of

        try:
            strategy_of(distribution)
        except ValueError as error:
            raise UsageError(f"{error}.") from error


class LocalRun:
    """One run on this machine.

    Args:
        config: What the run is told.
        paths: Layout of its output folder.
        terminal: Where it is reported.
        capture: Where everything else goes.
        models: Models to evaluate instead of training one; None to train.
        tune: Whether to search for better hyperparameters before the training.
    """

    def __init__(
        self,
        config: Config,
        paths: OutputPaths,
        terminal: Terminal,
        capture: LogCapture,
        models: ExportedModels | None,
        tune: bool,
    ) -> None:
        self._models = models
        self._tune = tune
        self._config = config
        self._paths = paths
        self._terminal = terminal
        self._capture = capture
        self._times: dict[str, ComponentTime] = {}
        self._log_file: Path | None = None
        self._report: Path | None = None

    def execute(self) -> tuple[RunReport, int]:
        """Runs, and turns whatever ends the run into a verdict and an exit code."""
        began = time.monotonic()
        try:
            verdict = self._run_unless_interrupted()
            exit_code = verdict.exit_code
        except KeyboardInterrupt:
            logging.exception("Interrupted")
            verdict, exit_code = failure("interrupted."), INTERRUPTED
            self._terminal.error("interrupted; the next run goes on where this one was.")
        except Exception as error:
            logging.exception("The run ended with an error")
            verdict = failure(self._sentence(error))
            exit_code = verdict.exit_code
            self._terminal.error(verdict.reason)
        finally:
            self._terminal.stop()
        total = time.monotonic() - began
        for interrupted in running(self._times):
            interrupted.stop()
        times = list(self._times.values())
        report = RunReport(
            verdict, times, total, self._paths, self._log_file, self._models, self._report
        )
        return report, exit_code

    def _run_unless_interrupted(self) -> Verdict:
        with insistent_interruption() as interruption:
            try:
                return self._run()
            except Exception as error:
                if interruption.requested:
                    # A library has made another error of the interruption.
                    raise KeyboardInterrupt from error
                raise

    def _run(self) -> Verdict:
        # What is wrong with the source has to come out before anything is written.
        from components.datasets.sources import resolve_source

        self._terminal.begin("finding the data")
        data = self._config.data
        source = resolve_source(data.source, data.cache, self._terminal.note)
        if self._paths.server:
            from pipeline.metadata_store import require_long_values

            require_long_values(self._paths.server)
        with locked_output(self._paths.output):
            self._begin_log()
            self._terminal.note(f"{source.description}. Full logs: {self._log_file}")
            self._terminal.begin("loading TFX")
            with loading():
                from pipeline.tfx_run import run_pipeline
            components = run_pipeline(
                self._config,
                self._paths,
                source,
                self._terminal,
                self._times,
                self._models,
                self._tune,
            )
            if self._models:
                return judge_evaluation(components)
            verdict = judge(components)
            self._write_report()
            return verdict

    def _write_report(self) -> None:
        if self._paths.artifact_root:
            self._terminal.note(
                "No report is written: it is made from artifacts on this machine, and they are at"
                f" {self._paths.artifact_root}."
            )
            return
        self._terminal.begin("writing the report")
        from pipeline.report.command import report_of_run

        self._report = report_of_run(self._paths, self._config.report.users)

    def _begin_log(self) -> None:
        log_file = self._paths.logs / f"{datetime.now():%Y-%m-%dT%H-%M-%S.%f}.log"
        self._capture.move_to(log_file)
        self._log_file = log_file
        logging.info("Command line: %s", sys.argv)
        logging.info("Configuration: %s", self._config.model_dump_json())

    def _sentence(self, error: BaseException) -> str:
        """One sentence on an error; only one that nobody foresaw needs the log to be understood."""
        known = _known_cause(error)
        if known is not None:
            return str(known)
        if self._log_file is None:
            self._begin_log()
        if isinstance(error, IncompleteError):
            return f"{error} Full logs: {self._log_file}"
        failed = next((entry.name for entry in self._times.values() if entry.failed), None)
        where = f"{failed} failed" if failed else "the run failed"
        message = " ".join(str(error).split())
        return f"{where} with {type(error).__name__}: {message}. Full logs: {self._log_file}"


def _known_cause(error: BaseException | None) -> BaseException | None:
    """The error that explains itself, also where a library has wrapped it in another."""
    while error is not None:
        if isinstance(error, DataError | OutputError | GateError | IndexUnavailableError):
            return error
        error = error.__cause__ or error.__context__
    return None
