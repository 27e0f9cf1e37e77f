"""What each part of the default model is worth, on the valid split: eval is never read.

Command: python -m benchmarks.ablation --data FOLDER

Runs the pipeline once on the random split with a tenth of the events outside eval valid, then
trains the model of the default preset and variants that differ in one hyperparameter, each with the
seeds of `--seeds`, and prints a Markdown table with the top-100 accuracy of the last epoch among
unseen titles and its difference from the default.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.commands import measure

_PUSHED, _NOT_BLESSED = 0, 3

VARIANTS: dict[str, dict[str, Any]] = {
    "the default preset": {},
    "no hidden layer": {"hidden_units": 0},
    "no session channels (history only, `earlier`)": {"session_decays": ()},
    "three session channels (60 s, 600 s, 1 day)": {"session_decays": (60.0, 600.0, 86400.0)},
    "history of all train events (`all`)": {"history": "all"},
    "age group, gender and occupation": {"query_features": True},
    "no genres and years of titles": {"candidate_features": False},
    "seen titles not masked": {"mask_seen": "none"},
    "only earlier titles masked": {"mask_seen": "earlier"},
    "an ensemble of 3": {"members": 3},
    "exact softmax over the catalogue": {"softmax": "full"},
    "no returning visitors": {"returning_share": 0.0},
    "no event dropout": {"history_dropout": 0.0, "session_dropout": 0.0},
    "no dropout of the query vector": {"query_dropout": 0.0},
}


def prepare(data: Path, output: str) -> None:
    """Examples and the transform graph, by a run of the pipeline with a cheap model."""
    command = [sys.executable, "runner.py", "run", "--data", str(data), "--output", output]
    command += ["--json", "--set", "split.valid_fraction=0.1", "--set", "training.epochs=1"]
    measure(command, accepted=(_PUSHED, _NOT_BLESSED))


def train(output: Path, variants: dict[str, dict[str, Any]], seeds: list[int]) -> str:
    """Trains every variant and returns the table."""
    import tensorflow_transform as tft

    from components.serving.query_events import QueryEvents
    from components.trainer import training
    from components.transform import preprocessing, reading
    from pipeline import presets

    definition = preprocessing.DEFINITION
    examples, candidates, graph = (
        _only_artifact(output, component, name)
        for component, name in (
            ("ExampleGen", "examples"),
            ("ExampleGen", "candidates"),
            ("Transform", "transform_graph"),
        )
    )
    catalogue = reading.load_candidates(candidates, "train", graph, definition)
    train_split, valid_split = (
        reading.load_interactions(examples, split, graph, definition, catalogue, with_history=True)
        for split in ("train", "valid")
    )
    queries = tft.TFTransformOutput(graph).vocabulary_size_by_name(preprocessing.QUERY_VOCABULARY)
    events = QueryEvents.in_train(train_split, queries)
    default = dataclasses.replace(presets.load(presets.DEFAULT, []).training, patience=0)
    rows, reference = [], 0.0
    for name, changes in variants.items():
        found, seconds = [], 0.0
        for seed in seeds:
            hyperparameters = dataclasses.replace(default, seed=seed, **changes)
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as logs:
                fitted = training.train(
                    train_split,
                    valid_split,
                    catalogue,
                    events,
                    preprocessing.query_feature_widths(),
                    hyperparameters,
                    logs,
                )
            seconds += (time.perf_counter() - began) / len(seeds)
            found.append(fitted.history[training.VALID_METRIC][-1])
        mean = statistics.mean(found)
        reference = reference or mean
        difference = "" if name == next(iter(variants)) else f"{mean - reference:+.4f}"
        rows.append([name, f"{mean:.4f}", difference, f"{seconds:.0f} s"])
        print(rows[-1], file=sys.stderr, flush=True)
    header = ["variant", "valid top-100, unseen", "difference", "training"]
    error = (reference * (1 - reference) / len(valid_split)) ** 0.5
    told = f"Standard error of each over {len(valid_split):,} rows: {error:.4f}."
    return f"{report.table(header, rows)}\n{told}\n"


def _only_artifact(output: Path, component: str, name: str) -> str:
    [folder] = (output / "artifacts" / component / name).iterdir()
    return str(folder)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure what each part of the model is worth.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args()
    machine = report.machine()
    with tempfile.TemporaryDirectory(prefix="ablation-") as output:
        prepare(options.data.resolve(), output)
        variants = {name: VARIANTS[name] for name in options.only}
        print(f"{machine}\n{train(Path(output), variants, options.seeds)}")


if __name__ == "__main__":
    main()
