"""Rows per second and core of ExampleGen, Transform and the Trainer's reading, after start-up.

Command: python -m benchmarks.rates --small FOLDER --big FOLDER

The folders hold the same kind of data in two sizes (`benchmarks.synthetic`), such as 100,000 and
1,100,000 events. Method: in one process, each executor (and the Trainer's reading function) runs
three times, on the small data, on the small data again and on the big data. The first run pays
imports and first calls and is left out; of the other two

    rate = (rows of big - rows of small) / (CPU seconds of big - CPU seconds of small)

where CPU seconds are those of all threads, so the rate is one of a core. What a run costs whatever
the rows cancels out. Rows are: for ExampleGen all events, for Transform the rows that it analyses
(train split and catalogue), for the reading those of the train split. Prints one JSON line. State
the processor; CPU seconds suffer less from other work on the machine than wall time, but do.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs

from benchmarks.commands import ROOT
from benchmarks.stopwatch import Stopwatch
from components.datasets.layouts import open_dataset
from components.example_gen import executor as example_gen
from components.example_gen.splits import SplitSpec
from components.examples import parquet
from components.examples.artifacts import CANDIDATES
from components.transform import executor as transform
from components.transform.component import PREPROCESSING_FN
from components.transform.reading import load_candidates, load_interactions

# The runner inside this process; Beam's default would look for another one first.
_BEAM = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]
_SCHEMA = ROOT / "schema" / "interactions.pbtxt"
_TRAIN = "train"


@dataclasses.dataclass(frozen=True)
class Part:
    """One measured part.

    Attributes:
        run: Does the work on a folder of data and returns the number of rows.
        rows: Rows of each run.
        cpu: CPU seconds of each run.
    """

    run: Callable[[Path, Path], int]
    rows: list[int] = dataclasses.field(default_factory=list)
    cpu: list[float] = dataclasses.field(default_factory=list)

    def rate(self) -> float:
        """Rows per second and core between the last two runs."""
        return (self.rows[-1] - self.rows[-2]) / (self.cpu[-1] - self.cpu[-2])


def generate_examples(data: Path, work: Path) -> int:
    """Runs ExampleGen's executor; returns the number of events."""
    examples, candidates = _examples(work, "examples"), _examples(work, "candidates")
    example_gen.Executor(_context(work)).Do(
        {},
        {example_gen.EXAMPLES: [examples], CANDIDATES: [candidates]},
        {"source": str(data), "cache": str(work / "cache"), "split": SplitSpec().to_json()},
    )
    names = artifact_utils.decode_split_names(examples.split_names)
    return sum(parquet.count_rows(examples.uri, name) for name in names)


def analyse(data: Path, work: Path) -> int:
    """Runs Transform's executor on what `generate_examples` wrote; returns the rows it reads."""
    examples, candidates = _examples(work, "examples"), _examples(work, "candidates")
    parquet.describe_artifact(examples, [_TRAIN])
    parquet.describe_artifact(candidates, [_TRAIN])
    schema = standard_artifacts.Schema()
    schema.uri = str(work / "schema")
    Path(schema.uri).mkdir()
    shutil.copy(_SCHEMA, Path(schema.uri) / "schema.pbtxt")
    graph = standard_artifacts.TransformGraph()
    graph.uri = str(work / "graph")
    transform.Executor(_context(work)).Do(
        {
            standard_component_specs.EXAMPLES_KEY: [examples],
            CANDIDATES: [candidates],
            standard_component_specs.SCHEMA_KEY: [schema],
        },
        {standard_component_specs.TRANSFORM_GRAPH_KEY: [graph]},
        {
            standard_component_specs.PREPROCESSING_FN_KEY: PREPROCESSING_FN,
            standard_component_specs.SPLITS_CONFIG_KEY: json.dumps({"analyze": [_TRAIN]}),
            standard_component_specs.DISABLE_STATISTICS_KEY: 1,
        },
    )
    return parquet.count_rows(examples.uri, _TRAIN) + parquet.count_rows(candidates.uri, _TRAIN)


def read(data: Path, work: Path) -> int:
    """Reads the train split as the Trainer does; returns its rows."""
    definition = open_dataset(str(data)).definition
    graph = str(work / "graph")
    catalogue = load_candidates(str(work / "candidates"), _TRAIN, graph, definition)
    return len(
        load_interactions(
            str(work / "examples"), _TRAIN, graph, definition, catalogue, with_history=True
        )
    )


def measure(small: Path, big: Path) -> dict[str, Any]:
    """Rows, CPU seconds and rate of each part."""
    parts = {
        "ExampleGen": Part(generate_examples),
        "Transform": Part(analyse),
        "Trainer's reading": Part(read),
    }
    for data in (small, small, big):
        with tempfile.TemporaryDirectory(prefix="rates-") as work:
            for part in parts.values():
                watch = Stopwatch()
                with watch.step("run"):
                    part.rows.append(part.run(data, Path(work)))
                part.cpu.append(round(watch.steps["run"].cpu, 2))
    return {
        name: {"rows": part.rows, "cpu_seconds": part.cpu, "rows_per_cpu_second": part.rate()}
        for name, part in parts.items()
    }


def _examples(work: Path, name: str) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(work / name)
    return artifact


def _context(work: Path) -> base_beam_executor.BaseBeamExecutor.Context:
    return base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=_BEAM, tmp_dir=str(work / "temporary"), unique_id="1"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure rows per second and core.")
    parser.add_argument("--small", type=Path, required=True, help="folder with fewer events")
    parser.add_argument("--big", type=Path, required=True, help="folder with more events")
    options = parser.parse_args()
    print(json.dumps(measure(options.small, options.big)))


if __name__ == "__main__":
    main()
