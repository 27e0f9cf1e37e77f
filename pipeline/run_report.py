"""How a finished run is told: to people as a table, to programs as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import stack
from pipeline.paths import OutputPaths
from pipeline.progress import ComponentTime
from pipeline.verdict import Outcome, Verdict

# Top-100 accuracy that the basic retrieval notebook of TensorFlow Recommenders publishes.
NOTEBOOK_TOP_100_ACCURACY = 0.2327
_METRIC = re.compile(r"(unseen_)?top_(\d+)_accuracy")
_NOTEBOOK_K = 100
_COLOURS: dict[Outcome, str] = {
    "pushed": "green",
    "unchanged": "green",
    "not_blessed": "yellow",
    "failed": "red",
}


@dataclasses.dataclass(frozen=True)
class RunReport:
    """A run that has ended, well or not.

    Attributes:
        verdict: How it ended.
        times: Duration of each component that began, in order.
        total_seconds: Duration of the whole run.
        paths: Its output folder.
        log_file: Its full logs, or None where it failed before there was a place for them.
    """

    verdict: Verdict
    times: list[ComponentTime]
    total_seconds: float
    paths: OutputPaths
    log_file: Path | None

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
                "metrics": self.verdict.metrics,
                "serving_path": str(self.paths.serving / str(version)) if versions else None,
                "version": version,
                "components": {
                    time.name: {"seconds": round(time.seconds or 0.0, 3), "cached": time.cached}
                    for time in self.times
                },
                "total_seconds": round(self.total_seconds, 3),
                "stack": stack.stack_name(),
                "versions": stack.versions(),
                "log_file": str(self.log_file) if self.log_file else None,
            }
        )

    def print_to(self, console: Console) -> None:
        """The metrics beside the notebook's, and the verdict with its reason."""
        console.print()
        console.print(metrics_table(self.verdict.metrics))
        outcome = self.verdict.outcome
        line = Text(outcome.replace("_", " "), style=f"bold {_COLOURS[outcome]}")
        line.append(f": {self.verdict.reason}", style="not bold default")
        console.print(line)
        versions = self.paths.versions()
        if versions:
            console.print(Text(f"Served: {self.paths.serving / str(versions[-1])}"))
        console.print(Text(f"{self.total_seconds:.1f} s in all. Full logs: {self.log_file}"))


def metrics_table(metrics: dict[str, float]) -> Table:
    """Accuracy at each k over all titles, and over those the user has not seen."""
    table = Table(title="Accuracy on the eval split", title_justify="left")
    table.add_column("top k", justify="right")
    table.add_column("all titles", justify="right")
    table.add_column("unseen titles", justify="right")
    table.add_column("notebook, all titles", justify="right")
    matches = [match for match in map(_METRIC.fullmatch, metrics) if match]
    for k in sorted({int(match[2]) for match in matches}):
        cells = [metrics.get(f"{prefix}top_{k}_accuracy") for prefix in ("", "unseen_")]
        published = NOTEBOOK_TOP_100_ACCURACY if k == _NOTEBOOK_K else None
        table.add_row(
            str(k), *("" if cell is None else f"{cell:.4f}" for cell in (*cells, published))
        )
    return table
