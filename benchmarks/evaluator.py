"""Shows how the evaluation of a model, its baseline and three peers grows with the eval rows.

Command: python -m benchmarks.evaluator

For each number of eval rows (`--rows`, default 20,000, 200,000 and 2,000,000) it generates five
times as many events (`benchmarks.synthetic`, `--movies`, default 3,706, as many as MovieLens 1M
has), splits and transforms them, and trains the peers; the ALS peer stands in for model and
baseline. Then a new process runs PeerEvaluator and Evaluator on it. Printed in Markdown: CPU and
wall seconds of both once imports are done, rows per second of the Evaluator (two models) and per
model, and the process's peak memory, imports included. Bars: 15 CPU seconds for both at 20,000
rows, 10,000 rows/s of the Evaluator at 200,000.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report, synthetic
from benchmarks.commands import Measurement, measure

CPU_BAR_SECONDS = 15
ROWS_PER_SECOND_BAR = 10_000

_ROWS = (20_000, 200_000, 2_000_000)
_MOVIES_OF_MOVIELENS_1M = 3_706
_EVENTS_PER_ROW = 5
_EVENTS_PER_USER = 150
_MODELS = ("als", "als_again")


def prepare(folder: Path, rows: int, movies: int) -> dict[str, Any]:
    """Generates data and models below `folder`."""
    from benchmarks import rates
    from components.peers.names import IMPLICIT_ALS, PEERS

    data = folder / "data"
    events = rows * _EVENTS_PER_ROW
    synthetic.write(data, synthetic.Size(events, events // _EVENTS_PER_USER, movies))
    rates.generate_examples(data, folder)
    rates.analyse(data, folder)
    for name in (*PEERS, *_MODELS):
        _train(folder, IMPLICIT_ALS if name in _MODELS else name, name)
    return {"movies": movies}


def evaluate(folder: Path) -> dict[str, Any]:
    """Runs PeerEvaluator and Evaluator on what `prepare` left; CPU and wall seconds of both."""
    from benchmarks.stopwatch import Stopwatch
    from components.datasets.movielens import MOVIELENS
    from components.evaluator.slice_names import slice_names
    from components.peers.names import PEERS
    from pipeline.garbage import loading

    with loading():
        from tfx.dsl.components.base import base_beam_executor

        from components.evaluator import executor as evaluator
        from components.peer_evaluator import executor as peer_evaluator
        from pipeline.beam_engines import BeamSection, beam_arguments
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=beam_arguments(BeamSection()),
        tmp_dir=str(folder / "temporary"),
        unique_id="1",
    )

    slices = json.dumps(slice_names(MOVIELENS))
    data = {"examples": [_examples(folder, "examples")], "candidates": [_examples(folder)]}
    peers = {peer: [_model(folder, peer)] for peer in PEERS}
    peer_evaluation = _artifact("ModelEvaluation", folder / "peer_evaluation", 2)
    watch = Stopwatch()
    with watch.step("PeerEvaluator"):
        peer_evaluator.Executor(context).Do(
            {**data, **peers}, {"evaluation": [peer_evaluation]}, {"slices": slices}
        )
    outputs = {
        "evaluation": [_artifact("ModelEvaluation", folder / "evaluation", 3)],
        "blessing": [_artifact("ModelBlessing", folder / "blessing", 4)],
    }
    model, baseline = ([_model(folder, name)] for name in _MODELS)
    inputs = {**data, "model": model, "baseline_model": baseline}
    with watch.step("Evaluator"):
        evaluator.Executor(context).Do(
            {**inputs, "peer_evaluation": [peer_evaluation]},
            outputs,
            {"slices": slices, "gate": _any_gate()},
        )
    metrics = json.loads(outputs["evaluation"][0].get_string_custom_property("metrics"))
    steps = {name: {"cpu": step.cpu, "wall": step.wall} for name, step in watch.steps.items()}
    return {"rows": metrics["example_count"], **steps}


def table(runs: list[Measurement]) -> str:
    """What the runs found, one row each."""
    header = ["eval rows", "PeerEvaluator, CPU s", "Evaluator, CPU s", "both, CPU s"]
    header += ["Evaluator, wall s", "rows/s", "rows/s and model", "peak memory"]
    lines = []
    for run in runs:
        rows, peers, own = (run.result[name] for name in ("rows", "PeerEvaluator", "Evaluator"))
        speed = rows / own["wall"]
        lines.append(
            [
                f"{rows:,.0f}",
                f"{peers['cpu']:.1f}",
                f"{own['cpu']:.1f}",
                f"{peers['cpu'] + own['cpu']:.1f}",
                f"{own['wall']:.1f}",
                f"{speed:,.0f}",
                f"{speed * len(_MODELS):,.0f}",
                report.gigabytes(run.peak_bytes),
            ]
        )
    return report.table(header, lines)


def _train(folder: Path, peer: str, name: str) -> None:
    from components.peers import executor

    graph = _artifact("TransformGraph", folder / "graph")
    executor.Executor().Do(
        {
            "examples": [_examples(folder, "examples")],
            "candidates": [_examples(folder)],
            "transform_graph": [graph],
        },
        {"model": [_model(folder, name)]},
        {"peer": peer},
    )


def _any_gate() -> str:
    from components.evaluator.gate import GateBounds

    return GateBounds(0.01, 0.01, 0.5, 0.0, 0.01, 0.99, 0.99).to_json()


def _examples(folder: Path, name: str = "candidates") -> Any:
    from components.example_gen.splits import SplitSpec
    from components.examples import parquet
    from components.examples.artifacts import SPLIT

    artifact = _artifact("Examples", folder / name)
    parquet.describe_artifact(
        artifact, ["train", "valid", "eval"] if name == "examples" else ["train"]
    )
    artifact.set_string_custom_property(SPLIT, SplitSpec().to_json())
    return artifact


def _model(folder: Path, name: str) -> Any:
    return _artifact("Model", folder / "models" / name)


def _artifact(type_name: str, folder: Path, identity: int = 1) -> Any:
    from tfx.types import standard_artifacts

    artifact = getattr(standard_artifacts, type_name)()
    artifact.uri = str(folder)
    artifact.id = identity
    return artifact


def main() -> None:
    """The command line; it calls itself for what has to be a process of its own."""
    parser = argparse.ArgumentParser(description="Measure the evaluation of five models.")
    parser.add_argument("--rows", type=int, nargs="+", default=_ROWS)
    parser.add_argument("--movies", type=int, default=_MOVIES_OF_MOVIELENS_1M)
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--evaluate", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        print(json.dumps(prepare(options.prepare, options.rows[0], options.movies)))
        return
    if options.evaluate:
        print(json.dumps(evaluate(options.evaluate)))
        return
    machine = report.machine()
    this = [sys.executable, "-m", "benchmarks.evaluator"]
    runs = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="evaluator-") as folder:
            size = ["--rows", str(rows), "--movies", str(options.movies)]
            measure([*this, "--prepare", folder, *size])
            runs.append(measure([*this, "--evaluate", folder]))
        print(f"{rows} rows done", file=sys.stderr, flush=True)
    print(f"{machine}- catalogue: {options.movies:,} candidates\n")
    print(table(runs))
    print(f"Bars: {CPU_BAR_SECONDS} CPU s for both at 20,000 rows,", end=" ")
    print(f"{ROWS_PER_SECOND_BAR:,} rows/s at 200,000.")


if __name__ == "__main__":
    main()
