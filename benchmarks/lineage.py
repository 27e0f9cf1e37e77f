"""How fast the lineage of a model is read from a store of many runs.

Command: python -m benchmarks.lineage [--runs 1000] [--store FOLDER]

Method: a store is written through the API of ML Metadata as that many runs of the pipeline would
leave it: the first runs every component; each later one has the data and the peers from the cache,
and another model that is evaluated, with the model before it as its baseline, and pushed. Their
properties are as long as real ones. Then, for the newest model, in a fresh process each,

- `start`: seconds until the command line has loaded what `lineage` needs (`--help`);
- `show`: of the command as a whole, and what is left of that without the start;
- `downstream`: the same, from the events, on which every model rests.

The median of five runs of each is printed as one JSON line, in seconds of wall and processor time,
beside those of a bare interpreter. Other work on the machine stretches the wall time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.commands import ROOT
from benchmarks.metadata_writer import MetadataWriter, Properties

_REPEATS = 5
# As long as the properties of a real run.
_METRICS = json.dumps({f"metric_{number}": 0.123456789 for number in range(60)})
_REASONS = json.dumps(
    [{"check": str(n), "passed": True, "value": 0.5, "sentence": "s" * 60} for n in range(12)]
)
_CONFIG = json.dumps({"preset": "default", "values": {"x": {"y": "z" * 3000}}, "changes": {}})
_JUDGED: Properties = {"blessed": 1, "reasons": _REASONS}
_PEERS = ("Popularity", "ItemKnn", "SessionKnn", "ImplicitAls")

Steps = dict[str, dict[str, int]]


def write_runs(output: Path, runs: int) -> None:
    """Writes the store of an output folder, and the folder of its newest version.

    Args:
        output: The output folder.
        runs: How many runs, at least 1.
    """
    writer = MetadataWriter(output)
    shared: Steps = {}
    model = 0
    for run in range(runs):
        writer.begin_run(f"run {run}")
        shared = _shared(writer, shared)
        version = 1_700_000_000 + run
        place = output / "serving" / "retrieval" / str(version)
        model = _own(writer, shared, model, place)
    place.mkdir(parents=True)


def _shared(writer: MetadataWriter, before: Steps) -> Steps:
    """The steps that are the same in every run: done in the first, and cached in the others."""
    done: Steps = {}

    def step(
        node: str, inputs: Mapping[str, int], outputs: Mapping[str, str], **properties: str
    ) -> dict[str, int]:
        described = dict.fromkeys(outputs, properties)
        done[node] = writer.step(node, inputs, outputs, described, before.get(node))
        return done[node]

    data = step("ExampleGen", {}, {"examples": "Examples", "candidates": "Examples"})
    schema = step("Schema", {}, {"schema": "Schema"})
    examples = {"examples": data["examples"]}
    statistics = step("Statistics", examples, {"statistics": "ExampleStatistics"})
    step("Validator", {**statistics, **schema}, {"anomalies": "ExampleAnomalies"})
    graph = step("Transform", {**data, **schema}, {"transform_graph": "TransformGraph"})
    peers = {peer: step(peer, {**data, **graph}, {"model": "Model"})["model"] for peer in _PEERS}
    step("PeerEvaluator", {**data, **peers}, {"evaluation": "ModelEvaluation"}, metrics=_METRICS)
    return done


def _own(writer: MetadataWriter, shared: Steps, baseline: int, place: Path) -> int:
    """The steps that are each run's own; returns its model."""
    data, graph = shared["ExampleGen"], shared["Transform"]
    trained = writer.step("Trainer", {**data, **graph}, {"model": "Model", "model_run": "ModelRun"})
    model = {"model": trained["model"]}
    infra = writer.step(
        "IndexValidator", model, {"infra_blessing": "InfraBlessing"}, {"infra_blessing": _JUDGED}
    )
    evaluated = writer.step(
        "Evaluator",
        {
            **data,
            **model,
            "peer_evaluation": shared["PeerEvaluator"]["evaluation"],
            **({"baseline_model": baseline} if baseline else {}),
        },
        {"blessing": "ModelBlessing", "evaluation": "ModelEvaluation"},
        {"blessing": _JUDGED, "evaluation": {"metrics": _METRICS}},
    )
    pushed: Properties = {
        "pushed": 1,
        "pushed_version": place.name,
        "pushed_destination": str(place),
        "outcome": "pushed",
        "config": _CONFIG,
    }
    writer.step(
        "Pusher",
        {**model, "model_blessing": evaluated["blessing"], **infra},
        {"pushed_model": "PushedModel"},
        {"pushed_model": pushed},
    )
    return trained["model"]


def seconds(command: Sequence[str]) -> dict[str, float]:
    """Median wall and processor time of a command."""
    wall, cpu = [], []
    for _ in range(_REPEATS):
        began, used = time.monotonic(), _cpu_of_children()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        wall.append(time.monotonic() - began)
        cpu.append(_cpu_of_children() - used)
    return {"wall": round(statistics.median(wall), 3), "cpu": round(statistics.median(cpu), 3)}


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(output: Path) -> dict[str, dict[str, float]]:
    """Measures the commands on a store."""
    lineage = [sys.executable, str(ROOT / "runner.py"), "lineage"]
    place = ["--json", "--output", str(output)]
    found = {
        "interpreter": seconds([sys.executable, "-c", ""]),
        "start": seconds([*lineage, "--help"]),
    }
    for name, options in (("show", []), ("downstream", ["1", "--downstream"])):
        found[name] = seconds([*lineage, *options, *place])
        found[f"{name}_after_start"] = {
            kind: round(value - found["start"][kind], 3) for kind, value in found[name].items()
        }
    return found


def main() -> None:
    """Writes the store, unless it is there, and prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--store", type=Path, help="output folder to write, or to use again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        output = (arguments.store or Path(temporary) / "output").resolve()
        if not output.exists():
            write_runs(output, arguments.runs)
        print(json.dumps({"runs": arguments.runs, **measure(output)}))


if __name__ == "__main__":
    main()
