"""The command `report`, and the report at the end of a run."""

from __future__ import annotations

from pathlib import Path

from components.files import is_remote
from pipeline.failure import OutputError
from pipeline.lineage.store import LineageStore
from pipeline.output_lock import locked_output
from pipeline.paths import OutputPaths
from pipeline.report.facts import PUSHED_MODEL, Facts, judged
from pipeline.report.record import recorded_report, write_file, write_report


def report_of_run(paths: OutputPaths, users: int) -> Path:
    """The report on the model of the run that has just ended; made only if there is none yet.

    Args:
        paths: Output folder of the run, which no other process works on.
        users: How many example users it shows.
    """
    store = LineageStore(paths)
    newest = store.made_here(PUSHED_MODEL)[-1]
    facts = Facts.of(store, newest)
    found = recorded_report(paths, facts, users)
    if found is not None:
        return found
    from pipeline.report.model_report import model_report

    return write_report(paths, facts, users, model_report(facts, users))


def report_on_model(paths: OutputPaths, name: str | None, users: int, out: Path | None) -> Path:
    """Makes the report on a model anew; returns its file.

    Args:
        paths: Output folder of the runs.
        name: What `LineageStore.find` takes; a model may also be one that was not pushed.
        users: How many example users it shows.
        out: File to write, which is then not recorded; None for the place beside the artifacts.

    Raises:
        OutputError: There is no such model, or its files are gone, or the file cannot be written.
    """
    store = LineageStore(paths)
    facts = Facts.of(store, judged(store, name))
    if is_remote(facts.output("Trainer", "model").uri):
        raise OutputError(
            f"a report is made from files of this machine, and the model is at"
            f" {facts.output('Trainer', 'model').uri}."
        )
    if not facts.saved_model.is_dir():
        raise OutputError(f"{facts.saved_model}, the model to be reported on, is gone.")
    # It loads TensorFlow, to ask the model.
    from pipeline.log_capture import captured_logs

    with captured_logs():
        from pipeline.report.model_report import model_report

        try:
            html = model_report(facts, users)
        except FileNotFoundError as error:
            raise OutputError(
                f"{error.filename}, which the report is made from, is gone."
            ) from error
    if out is not None:
        return _written(out, html)
    with locked_output(paths.output):
        return write_report(paths, facts, users, html)


def report_on_two(paths: OutputPaths, first: str, second: str, out: Path | None) -> Path:
    """Makes the page that compares two models; returns its file.

    Args:
        paths: Output folder of the runs.
        first: As in `report_on_model`.
        second: Another one.
        out: File to write; None for one in the folder `reports`.

    Raises:
        OutputError: There is no such model, or the file cannot be written.
    """
    from pipeline.report.comparison import comparison

    store = LineageStore(paths)
    one, other = (Facts.of(store, judged(store, name)) for name in (first, second))
    place = paths.reports / f"compare-{one.target.id}-{other.target.id}.html"
    return _written(out or place, comparison(one, other))


def report_on_all(paths: OutputPaths, out: Path | None) -> Path:
    """Makes the page with the metrics of every run; returns its file.

    Args:
        paths: Output folder of the runs.
        out: File to write; None for one in the folder `reports`.

    Raises:
        OutputError: There is no run yet, or the file cannot be written.
    """
    from pipeline.report.history import history

    return _written(out or paths.reports / "history.html", history(LineageStore(paths)))


def _written(out: Path, html: str) -> Path:
    try:
        write_file(out, html)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}.") from error
    return out
