"""A small output folder as three runs, a rollback and a run that was killed leave it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.metadata_writer import MetadataWriter, Properties
from components.provenance.files import digest
from components.pusher.version_folder import tree_sha256
from pipeline.paths import OutputPaths
from pipeline.rollback import roll_back

REASON = {"check": "floor", "passed": True, "value": 0.5, "sentence": "it is 0.5, not below 0.4"}
FAILED = {**REASON, "passed": False, "sentence": "it is 0.3, below 0.4"}
PACKAGES = json.dumps({"python": "3.10.13", "tfx": "1.16.0"})
SPLITS = '["train", "valid", "eval"]'
VERSIONS = (1_700_000_000, 1_700_000_100)


@dataclasses.dataclass
class Output:
    """What the runs left.

    Attributes:
        paths: The output folder.
        writer: Goes on with the store.
        ids: Ids of artifacts, by `run.node.output`; what is cached is the first run's.
        shared: Outputs of the steps that later runs have from the cache.
    """

    paths: OutputPaths
    writer: MetadataWriter
    ids: dict[str, int] = dataclasses.field(default_factory=dict)
    shared: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)

    def place(self, identity: int) -> Path:
        """Folder of an artifact."""
        [artifact] = self.writer.store.get_artifacts_by_id([identity])
        return Path(artifact.uri)

    def fill(self, identity: int, content: str, run: int) -> None:
        """Writes the file of an artifact, and records on it what an executor does."""
        [artifact] = self.writer.store.get_artifacts_by_id([identity])
        folder = Path(artifact.uri)
        folder.mkdir(parents=True)
        (folder / "file").write_text(content)
        found = digest(artifact.uri)
        artifact.custom_properties["files_sha256"].string_value = found.sha256
        artifact.custom_properties["files_bytes"].int_value = found.size
        artifact.custom_properties["git_commit"].string_value = "ab"[run % 2] * 40
        artifact.custom_properties["git_modified"].int_value = int(run == 2)
        artifact.custom_properties["package_versions"].string_value = PACKAGES
        self.writer.store.put_artifacts([artifact])


def write_output(folder: Path) -> Output:
    """Two runs that push, one that is not blessed, a rollback to the first, and a killed run."""
    output = Output(OutputPaths.of(folder), MetadataWriter(folder.resolve()))
    _run(output, 1, 0.003, baseline=None)
    _run(output, 2, 0.004, baseline=output.ids["1.Trainer.model"])
    _run(output, 3, 1e-9, baseline=output.ids["2.Trainer.model"], blessed=False)
    _roll_back(output)
    _killed_run(output)
    return output


def _step(
    output: Output,
    run: int,
    node: str,
    inputs: dict[str, int],
    outputs: dict[str, str],
    **properties: Properties,
) -> dict[str, int]:
    found = output.writer.step(
        node, inputs, outputs, {node: {"code_version": "c" * 64}, **properties}
    )
    for name, identity in found.items():
        output.ids[f"{run}.{node}.{name}"] = identity
        output.fill(identity, f"{node} {name} of run {run}", run)
    return found


def _data(output: Output, run: int) -> dict[str, dict[str, int]]:
    """The steps that the first run does and later ones have from the cache."""

    def step(
        node: str, inputs: dict[str, int], outputs: dict[str, str], **given: Properties
    ) -> dict[str, int]:
        if run == 1:
            output.shared[node] = _step(output, run, node, inputs, outputs, **given)
        else:
            output.writer.step(node, inputs, outputs, {}, output.shared[node])
        return output.shared[node]

    examples: Properties = {
        "split_names": SPLITS,
        "source_description": "MovieLens from the folder data",
        "source_sha256": "d" * 64,
        "source": "data",
        "queries": 5,
        "rows_train": 70,
        "rows_valid": 10,
        "rows_eval": 20,
        "split": json.dumps({"method": "random", "seed": 42}),
    }
    data = step(
        "ExampleGen",
        {},
        {"examples": "Examples", "candidates": "Examples"},
        examples=examples,
        candidates={"rows": 9},
    )
    schema = step("Schema", {}, {"schema": "Schema"}, Schema={"schema_sha256": "e" * 64})
    statistics = step(
        "Statistics",
        {"examples": data["examples"]},
        {"statistics": "ExampleStatistics"},
        statistics={"split_names": SPLITS},
    )
    step(
        "Validator",
        {**statistics, **schema},
        {"anomalies": "ExampleAnomalies"},
        anomalies={"blessed": {"train": 1.0, "valid": 1.0, "eval": 0.0}},
    )
    graph = step(
        "Transform",
        {**data, **schema},
        {"transform_graph": "TransformGraph"},
        transform_graph={"vocabularies": json.dumps({"queries": 5})},
    )
    peer = step("Popularity", {**data, **graph}, {"model": "Model"})
    step(
        "PeerEvaluator",
        {**data, "popularity": peer["model"]},
        {"evaluation": "ModelEvaluation"},
        evaluation={"metrics": json.dumps({"popularity": {"top_100_accuracy": 0.25}})},
    )
    return output.shared


def _run(output: Output, run: int, rate: float, baseline: int | None, blessed: bool = True) -> None:
    output.writer.begin_run(f"run {run}")
    shared = _data(output, run)
    data, graph = shared["ExampleGen"], shared["Transform"]
    model = _step(
        output,
        run,
        "Trainer",
        {**data, **graph},
        {"model": "Model", "model_run": "ModelRun"},
        model={
            "hyperparameters": json.dumps({"learning_rate": rate, "epochs": 2}),
            "epochs": 2,
        },
        model_run={"training_curve": json.dumps({"loss": [2.0, 1.0 + run]}), "fit_seconds": 3.5},
    )
    candidate = {"model": model["model"]}
    infra = _step(
        output,
        run,
        "IndexValidator",
        candidate,
        {"infra_blessing": "InfraBlessing"},
        infra_blessing={"blessed": 1, "reasons": json.dumps([REASON])},
    )
    accuracy = 0.5 if blessed else 0.3
    metrics = {"top_100_accuracy": accuracy, "example_count": 20.0}
    evaluated = _step(
        output,
        run,
        "Evaluator",
        {
            **data,
            **candidate,
            "peer_evaluation": shared["PeerEvaluator"]["evaluation"],
            **({"baseline_model": baseline} if baseline else {}),
        },
        {"blessing": "ModelBlessing", "evaluation": "ModelEvaluation"},
        blessing={
            "blessed": int(blessed),
            "reasons": json.dumps([REASON if blessed else FAILED]),
        },
        evaluation={
            "metrics": json.dumps(metrics),
            "intervals": json.dumps({"top_100_accuracy": [0.4, 0.6]}),
            "peers": json.dumps({"popularity": {"top_100_accuracy": 0.25}}),
            "baseline": json.dumps({"top_100_accuracy": 0.5} if baseline else None),
        },
    )
    config = {
        "preset": "default",
        "values": {"data": {"source": "data"}, "training": {"learning_rate": rate}},
        "changes": {"training.learning_rate": [0.003, rate]} if run > 1 else {},
    }
    pushed: dict[str, Any] = {
        "outcome": "not_blessed",
        "config": json.dumps(config),
    }
    if blessed:
        place = output.paths.serving / str(VERSIONS[run - 1])
        shutil.copytree(output.place(model["model"]), place)
        pushed |= {
            "outcome": "pushed",
            "pushed_version": place.name,
            "pushed_destination": str(place),
            "tree_sha256": tree_sha256(str(place)),
        }
    _step(
        output,
        run,
        "Pusher",
        {**candidate, "model_blessing": evaluated["blessing"], **infra},
        {"pushed_model": "PushedModel"},
        pushed_model=pushed,
    )


def _roll_back(output: Output) -> None:
    new = roll_back(output.paths, VERSIONS[0]).version
    assert new > VERSIONS[1]


def _killed_run(output: Output) -> None:
    """It was killed in the Trainer, after it had the data from the cache."""
    output.writer.begin_run("run 4")
    shared = _data(output, 4)
    inputs = {**shared["ExampleGen"], **shared["Transform"]}
    output.writer.step("Trainer", inputs, {}, state="RUNNING")
