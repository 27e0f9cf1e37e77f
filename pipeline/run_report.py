"""How a finished run is told: to people as a table, to programs as JSON."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import stack
from pipeline.exported_models import ExportedModels
from pipeline.metrics_table import (
    NOTEBOOK_TOP_100_ACCURACY,
    Column,
    metrics_table,
    peer_columns,
    print_checks,
    slices_table,
)
from pipeline.paths import OutputPaths
from pipeline.progress import ComponentTime
from pipeline.verdict import Evaluation, Outcome, Verdict

_COLOURS: dict[Outcome, str] = {
    "pushed": "green",
    "unchanged": "green",
    "blessed": "green",
    "compared": "green",
    "not_blessed": "yellow",
    "failed": "red",
}
# The check of the gate on rows that a model was trained on.
_SHARE_IN_TRAIN = "share_of_rows_in_train"


@dataclasses.dataclass(frozen=True)
class RunReport:
    """A run that has ended, well or not.

    Attributes:
        verdict: How it ended.
        times: Duration of each component that began, in order.
        total_seconds: Duration of the whole run.
        paths: Its output folder.
        log_file: Its full logs, or None where it failed before there was a place for them.
        models: The models that were evaluated instead of training one; None for a training.
        page: Its report for people, as an HTML file; None where there is none.
    """

    verdict: Verdict
    times: list[ComponentTime]
    total_seconds: float
    paths: OutputPaths
    log_file: Path | None
    models: ExportedModels | None = None
    page: Path | None = None

    def to_json(self) -> str:
        """One JSON object on one line.

        `serving_path` and `version` are those of the model that is served after the run, whether
        this run pushed it or an earlier one; null before the first push.
        """
        versions = self.paths.versions()
        version = versions[-1] if versions else None
        return json.dumps(
            {
                "verdict": self.verdict.outcome,
                "reason": self.verdict.reason,
                "reasons": self.verdict.reasons,
                **_evaluation_json(self.verdict.evaluation),
                "tuned": self.verdict.tuned.to_json() if self.verdict.tuned else None,
                "training_logs": self.verdict.training_logs,
                "models": [str(path) for path in self._evaluated()],
                "serving_path": str(self.paths.serving / str(version)) if versions else None,
                "version": version,
                "components": {
                    time.name: {"seconds": round(time.seconds or 0.0, 3), "cached": time.cached}
                    for time in self.times
                },
                "total_seconds": round(self.total_seconds, 3),
                "stack": stack.stack_name(),
                "versions": stack.versions(),
                "report": str(self.page) if self.page else None,
                "log_file": str(self.log_file) if self.log_file else None,
            }
        )

    def print_to(self, console: Console) -> None:
        """The metrics beside those of others, every check, and the verdict with its reason."""
        evaluation = self.verdict.evaluation
        assert evaluation is not None
        console.print()
        console.print(self._table(evaluation))
        console.print()
        console.print(
            "The notebook of TensorFlow Recommenders publishes a top_100_accuracy of "
            f"{NOTEBOOK_TOP_100_ACCURACY}."
        )
        if self.verdict.outcome == "compared":
            _print_repeated_rows(console, self.verdict)
        else:
            if self.models:
                console.print(slices_table(evaluation.slices))
            console.print()
            print_checks(console, self.verdict.reasons)
        outcome = self.verdict.outcome
        line = Text(outcome.replace("_", " "), style=f"bold {_COLOURS[outcome]}")
        line.append(f": {self.verdict.reason}", style="not bold default")
        console.print(line)
        if self.verdict.tuned:
            console.print(Text(self.verdict.tuned.sentence))
        if self.verdict.training_logs:
            logs = shlex.quote(self.verdict.training_logs)
            console.print(Text(f"The training in TensorBoard: tensorboard --logdir {logs}"))
        versions = self.paths.versions()
        if versions and not self.models:
            console.print(Text(f"Served: {self.paths.serving / str(versions[-1])}"))
        if self.page:
            console.print(Text(f"Report: {self.page}"))
        console.print(Text(f"{self.total_seconds:.1f} s in all. Full logs: {self.log_file}"))

    def _evaluated(self) -> list[Path]:
        if not self.models:
            return []
        return [path for path in (self.models.model, self.models.baseline) if path]

    def _table(self, evaluation: Evaluation) -> Table:
        rows = int(evaluation.metrics["example_count"])
        title = f"On the eval split, {rows:,} rows"
        if self.verdict.outcome == "compared":
            assert evaluation.baseline
            assert evaluation.baseline_intervals
            first = Column("first", evaluation.baseline, evaluation.baseline_intervals)
            second = Column("second", evaluation.metrics, evaluation.intervals)
            return metrics_table(title, [first, second])
        columns = [Column("model", evaluation.metrics, evaluation.intervals)]
        if evaluation.baseline:
            columns.append(Column("blessed", evaluation.baseline))
        return metrics_table(title, [*columns, *peer_columns(evaluation.peers)])


def _print_repeated_rows(console: Console, verdict: Verdict) -> None:
    """Tells which of two compared models were trained on rows that they are compared on."""
    evaluation = verdict.evaluation
    assert evaluation
    assert evaluation.baseline
    [bound] = (r["bound"] for r in verdict.reasons if r["check"] == _SHARE_IN_TRAIN)
    for name, metrics in (("first", evaluation.baseline), ("second", evaluation.metrics)):
        rows, repeated = metrics["example_count"], metrics["rows_in_train"]
        if not repeated:
            continue
        line = Text(f"The {name} model was trained on {repeated:,.0f} of these {rows:,.0f} rows")
        if repeated / rows > bound:
            line.append(": its figures are no evaluation.")
            line.stylize("bold red")
        else:
            line.append(f", a share of {repeated / rows:.4f}, not above {bound:.4f}.")
        console.print(line)


def _evaluation_json(evaluation: Evaluation | None) -> dict[str, Any]:
    if evaluation is None:
        return {"metrics": {}}
    return dataclasses.asdict(evaluation)
