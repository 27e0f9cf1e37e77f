"""Compares whole runs of the pipeline with the notebook's steps, alternating on one machine.

Command: python -m benchmarks.speed --data FOLDER_OF_ML_100K

Each repetition runs, one after the other, `benchmarks.notebook_baseline`, `runner.py run` into a
new output folder (cold) and the same command again (second run, all cached). It prints Markdown:
wall seconds and their ratios for every repetition; CPU seconds, peak memory and seconds of each
component for the last. The bars are for the third repetition on 2 quiet cores: state the processor,
and compare the printed load with 0. Peak memory is that of the largest single process.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.commands import Measurement, measure

COLD_BAR = 1.0
SECOND_BAR = 0.12


@dataclasses.dataclass(frozen=True)
class Repetition:
    """One run of each."""

    notebook: Measurement
    cold: Measurement
    second: Measurement

    @property
    def cold_ratio(self) -> float:
        """Wall time of the cold run over that of the notebook."""
        return self.cold.wall / self.notebook.wall

    @property
    def second_ratio(self) -> float:
        """Wall time of the second run over that of the notebook."""
        return self.second.wall / self.notebook.wall


def repeat(data: Path, preset: str) -> Repetition:
    """Runs the notebook, a cold run and a second run."""
    notebook = measure([sys.executable, "-m", "benchmarks.notebook_baseline", "--data", str(data)])
    with tempfile.TemporaryDirectory(prefix="speed-") as output:
        command = [sys.executable, "runner.py", "run", "--data", str(data), "--preset", preset]
        command += ["--output", output, "--json"]
        cold = measure(command)
        second = measure(command)
    return Repetition(notebook, cold, second)


def ratios(repetitions: list[Repetition]) -> str:
    """Wall seconds and ratios of every repetition."""
    header = ["repetition", "notebook, s", "cold run, s", "second run, s"]
    header += [f"cold / notebook (bar {COLD_BAR})", f"second / notebook (bar {SECOND_BAR})"]
    rows = [
        [
            str(number),
            f"{one.notebook.wall:.1f}",
            f"{one.cold.wall:.1f}",
            f"{one.second.wall:.1f}",
            f"{one.cold_ratio:.3f}",
            f"{one.second_ratio:.3f}",
        ]
        for number, one in enumerate(repetitions, start=1)
    ]
    return report.table(header, rows)


def processes(last: Repetition) -> str:
    """What each of the three processes used."""
    runs = {"notebook": last.notebook, "cold run": last.cold, "second run": last.second}
    rows = [
        [name, f"{run.wall:.1f}", f"{run.cpu:.1f}", report.gigabytes(run.peak_bytes)]
        for name, run in runs.items()
    ]
    return report.table(["process", "wall, s", "CPU, s", "peak memory"], rows)


def components(last: Repetition) -> str:
    """Seconds of each component of the cold and of the second run; two may run at once."""
    second = last.second.result["components"]
    rows = []
    for name, cold in last.cold.result["components"].items():
        note = " (cached)" if second[name]["cached"] else ""
        rows.append([name, f"{cold['seconds']:.2f}", f"{second[name]['seconds']:.2f}{note}"])
    return report.table(["component", "cold run, s", "second run, s"], rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the pipeline with the notebook.")
    parser.add_argument("--data", type=Path, required=True, help="folder of ml-100k")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    if options.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    machine = report.machine()
    done = []
    for number in range(1, options.repetitions + 1):
        done.append(repeat(options.data.resolve(), options.preset))
        print(f"repetition {number} of {options.repetitions} done", file=sys.stderr, flush=True)
    last = done[-1]
    print(f"{machine}- stack: {last.cold.result['stack']}, preset {options.preset}\n")
    print(ratios(done))
    print(f"Repetition {len(done)}:\n")
    print(processes(last))
    print(components(last))
    accuracy = last.notebook.result["top_100_accuracy"]
    verdicts = f"{last.cold.result['verdict']}, then {last.second.result['verdict']}"
    print(f"Notebook's top-100 accuracy: {accuracy:.4f}. Verdicts of the runs: {verdicts}.")


if __name__ == "__main__":
    main()
