"""Shows that the gate is not flaky: a good model passes with every seed.

Command: python -m benchmarks.seeds --data FOLDER

Trains the default preset with ten seeds (`--seeds`), one run after the other into one output
folder, so that from the second on each model is also held against the latest blessed one. Prints a
Markdown table with the verdict and the figures of each, their mean and standard deviation, and ends
with exit code 1 if any was refused.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.commands import Measurement, measure

_METRICS = ("top_100_accuracy", "unseen_top_100_accuracy", "unseen_top_10_accuracy")
_GAIN = "unseen_top_100_accuracy_gain"
_PUSHED, _NOT_BLESSED = 0, 3


def run(data: Path, output: str, seed: int, preset: str, split: str) -> Measurement:
    """One run with a seed."""
    command = [sys.executable, "runner.py", "run", "--data", str(data), "--output", output]
    command += ["--preset", preset, "--split", split, "--set", f"training.seed={seed}", "--json"]
    return measure(command, accepted=(_PUSHED, _NOT_BLESSED))


def table(runs: dict[int, Measurement]) -> str:
    """A row per seed, then mean and standard deviation."""
    header = ["seed", *_METRICS, "gain over the last", "checks", "verdict"]
    rows = []
    for seed, one in runs.items():
        metrics, reasons = one.result["metrics"], one.result["reasons"]
        passed = sum(reason["passed"] for reason in reasons)
        gain = f"{metrics[_GAIN]:+.4f}" if _GAIN in metrics else ""
        figures = [f"{metrics[name]:.4f}" for name in _METRICS]
        checks = f"{passed} of {len(reasons)}"
        rows.append([str(seed), *figures, gain, checks, str(one.result["verdict"])])
    for name, of in (("mean", statistics.mean), ("standard deviation", statistics.stdev)):
        columns = [[one.result["metrics"][metric] for one in runs.values()] for metric in _METRICS]
        rows.append([name, *(f"{of(column):.4f}" for column in columns), "", "", ""])
    return report.table(header, rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train with several seeds and gate each model.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=range(1, 11))
    parser.add_argument("--preset", default="default")
    parser.add_argument("--split", default="random")
    options = parser.parse_args()
    machine = report.machine()
    runs = {}
    with tempfile.TemporaryDirectory(prefix="seeds-") as output:
        for seed in options.seeds:
            runs[seed] = run(options.data.resolve(), output, seed, options.preset, options.split)
            print(f"seed {seed} done", file=sys.stderr, flush=True)
    print(f"{machine}- preset {options.preset}, split {options.split}\n")
    print(table(runs))
    refused = [seed for seed, one in runs.items() if one.result["verdict"] == "not_blessed"]
    print(f"{len(runs) - len(refused)} of {len(runs)} passed.")
    sys.exit(1 if refused else 0)


if __name__ == "__main__":
    main()
