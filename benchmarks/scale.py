"""Shows how whole runs grow with the number of interactions.

Command: python -m benchmarks.scale

For each size (`--sizes`, default 100,000, 1,000,000 and 5,000,000) it generates data with
`benchmarks.synthetic`, runs `runner.py run --preset notebook` into a new output folder and prints
Markdown: seconds and rows per second of each component, the whole run's wall and CPU seconds and
its peak memory. Then `benchmarks.rates` gives the rows per second and core after start-up, between
`--rate-sizes` (its docstring has the method). A model below the gate's bound is a result here, not
a failure: the verdict is shown. State the processor; the bars hold on 2 quiet cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import report, synthetic
from benchmarks.commands import Measurement, measure

# A whole run on a million interactions: a quarter of a tuned pipeline whose elements are rows.
MILLION_BAR_SECONDS = 612 / 4
RATE_BARS = {"ExampleGen": 50_000, "Transform": 40_000, "Trainer's reading": 100_000}

_SIZES = (100_000, 1_000_000, 5_000_000)
_RATE_SIZES = (100_000, 1_100_000)
_PUSHED_OR_NOT_BLESSED = (0, 3)


def generated(folder: Path, events: int) -> Path:
    """A folder with that many events."""
    data = folder / f"events-{events}"
    if not data.exists():
        synthetic.write(data, synthetic.Size.of_events(events))
    return data


def run(folder: Path, events: int, preset: str) -> Measurement:
    """A whole run on generated data."""
    data = generated(folder, events)
    with tempfile.TemporaryDirectory(dir=folder, prefix="output-") as output:
        command = [sys.executable, "runner.py", "run", "--data", str(data), "--preset", preset]
        command += ["--output", output, "--json"]
        return measure(command, accepted=_PUSHED_OR_NOT_BLESSED)


def whole_runs(runs: dict[int, Measurement]) -> str:
    """Totals by size."""
    header = ["interactions", "wall, s", "CPU, s", "interactions/s", "peak memory", "verdict"]
    rows = [
        [
            f"{events:,}",
            f"{one.wall:.1f}",
            f"{one.cpu:.1f}",
            f"{events / one.wall:,.0f}",
            report.gigabytes(one.peak_bytes),
            str(one.result["verdict"]),
        ]
        for events, one in runs.items()
    ]
    return report.table(header, rows)


def components(runs: dict[int, Measurement]) -> str:
    """Seconds, and rows per second of wall time, of each component by size."""
    rows = []
    for name in next(iter(runs.values())).result["components"]:
        row = [name]
        for events, one in runs.items():
            seconds = one.result["components"][name]["seconds"]
            row.append(f"{seconds:.1f} s, {events / max(seconds, 1e-3):,.0f}/s")
        rows.append(row)
    return report.table(["component", *(f"{events:,}" for events in runs)], rows)


def rates(folder: Path, small: int, big: int) -> str:
    """Rows per second and core after start-up."""
    folders = [str(generated(folder, events)) for events in (small, big)]
    command = [sys.executable, "-m", "benchmarks.rates", "--small", folders[0], "--big", folders[1]]
    rows = []
    for name, part in measure(command).result.items():
        counts = " / ".join(f"{count:,}" for count in part["rows"][1:])
        seconds = " / ".join(f"{cpu:.1f}" for cpu in part["cpu_seconds"][1:])
        rate = f"{part['rows_per_cpu_second']:,.0f}"
        rows.append([name, counts, seconds, rate, f"{RATE_BARS[name]:,}"])
    return report.table(["part", "rows", "CPU, s", "rows/s per core", "bar"], rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure runs on more and more interactions.")
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--rate-sizes", type=int, nargs=2, default=_RATE_SIZES)
    parser.add_argument("--preset", default="notebook")
    options = parser.parse_args()
    machine = report.machine()
    with tempfile.TemporaryDirectory(prefix="scale-") as temporary:
        folder = Path(temporary)
        runs = {}
        for events in options.sizes:
            runs[events] = run(folder, events, options.preset)
            print(f"{events} interactions done", file=sys.stderr, flush=True)
        stack = next(iter(runs.values())).result["stack"]
        print(f"{machine}- stack: {stack}, preset {options.preset}\n")
        print(whole_runs(runs))
        if 1_000_000 in runs:
            print(f"Bar for 1,000,000: {MILLION_BAR_SECONDS:.0f} s of wall time.\n")
        print(components(runs))
        print("After start-up:\n")
        print(rates(folder, *options.rate_sizes))


if __name__ == "__main__":
    main()
