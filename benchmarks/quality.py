"""How good the models are: every preset and peer on every split, in one command.

Command: python -m benchmarks.quality --data FOLDER

Runs the whole pipeline for each result of `RESULTS` with three seeds of the training (`--seeds`),
reads what its Evaluator and PeerEvaluator measured on the eval split, and prints a Markdown table
with the mean and the standard deviation between seeds. Data, transform graph and peers come from
TFX's cache from the second run of a split on. `--write FILE` also writes the table to a file.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.commands import Measurement, measure
from pipeline.metrics_table import PEER_TITLES
from pipeline.stack import stack_name, versions

_METRICS = {
    "top-100": "unseen_top_100_accuracy",
    "top-10": "unseen_top_10_accuracy",
    "returning, top-100": "returning_top_100_accuracy",
    "all titles, top-100": "top_100_accuracy",
}
# A model that the gate refuses is measured all the same.
_PUSHED, _NOT_BLESSED = 0, 3


@dataclasses.dataclass(frozen=True)
class Result:
    """A line of the table.

    Attributes:
        preset: Preset of the run.
        split: How events are split.
        reads: What a request may read, for people.
        assignments: What is set beside the preset.
    """

    preset: str
    split: str
    reads: str
    assignments: tuple[str, ...] = ()


_STRICT = "train events strictly before"
_SESSION = "all train events; for the session those strictly before"
_ALL = "all train events, no time; age, gender and occupation"
_ROLLING = "train and its own earlier eval events (rolling)"
RESULTS = (
    Result("default", "random", _STRICT),
    Result("default", "last", _STRICT),
    Result("default", "temporal", _ROLLING),
    Result("cold_start", "temporal", "age, gender and occupation"),
    Result("transductive", "random", _SESSION),
    Result("history", "random", _ALL),
    Result("default", "last", f"{_STRICT}; last 5 held out", ("split.eval_events=5",)),
    Result("default", "temporal", "train events only", ("split.history=train",)),
    Result("transductive", "last", _SESSION),
    Result("history", "last", _ALL),
    Result("notebook", "random", "who asks"),
)
SPLITS = ("random", "last", "temporal")


def run(data: Path, output: str, result: Result, seed: int) -> Measurement:
    """One run of the pipeline."""
    command = [sys.executable, "runner.py", "run", "--data", str(data), "--output", output]
    command += ["--preset", result.preset, "--split", result.split, "--json"]
    for assignment in (*result.assignments, f"training.seed={seed}"):
        command += ["--set", assignment]
    return measure(command, accepted=(_PUSHED, _NOT_BLESSED))


def model_row(result: Result, runs: Sequence[Measurement]) -> list[str]:
    """Means over seeds, each with its standard deviation."""
    cells = []
    for metric in _METRICS.values():
        values = [one.result["metrics"][metric] for one in runs]
        spread = f" ± {_digits(statistics.stdev(values))}" if len(values) > 1 else ""
        cells.append(f"{_digits(statistics.mean(values))}{spread}")
    seconds = statistics.mean(one.result["components"]["Trainer"]["seconds"] for one in runs)
    rows = f"{runs[0].result['metrics']['example_count']:,.0f}"
    return [f"`{result.preset}`", result.split, result.reads, rows, *cells, f"{seconds:.0f} s"]


def peer_rows(result: Result, one: Measurement) -> list[list[str]]:
    """A row per peer, from one run: they have no seed."""
    rows = f"{one.result['metrics']['example_count']:,.0f}"
    return [
        [
            PEER_TITLES[peer],
            result.split,
            "",
            rows,
            *(_digits(metrics[metric]) for metric in _METRICS.values()),
            "",
        ]
        for peer, metrics in one.result["peers"].items()
    ]


def table(runs: dict[Result, list[Measurement]]) -> str:
    """All results, and the peers of each way to split and to read."""
    header = ["model", "split", "a request reads", "rows", *_METRICS, "training"]
    rows = []
    told = set()
    for result, found in runs.items():
        rows.append(model_row(result, found))
        data = (result.split, result.assignments)
        if data not in told:
            told.add(data)
            rows += peer_rows(result, found[0])
    return report.table(header, rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure every preset and peer on every split.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=(1, 2, 3))
    parser.add_argument("--presets", nargs="+", default=sorted({r.preset for r in RESULTS}))
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    facts = report.machine()
    runs = {}
    with tempfile.TemporaryDirectory(prefix="quality-") as output:
        for result in RESULTS:
            if result.preset not in options.presets or result.split not in options.splits:
                continue
            runs[result] = [
                run(options.data.resolve(), output, result, seed) for seed in options.seeds
            ]
            row = " | ".join(model_row(result, runs[result]))
            print(f"done: {row}", file=sys.stderr, flush=True)
    seeds = ", ".join(map(str, options.seeds))
    facts += f"- stack: {stack_name()}, TFX {versions()['tfx']}; seeds of the training: {seeds}\n"
    facts += f"- data: {options.data.name}; eval split, seen titles left out unless said\n"
    text = f"{facts}\n{table(runs)}"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


def _digits(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


if __name__ == "__main__":
    main()
