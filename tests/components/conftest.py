"""A small data set taken once through the real executors, for the tests of every component."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

import schema
from components.example_gen import executor as example_gen
from components.example_gen.splits import SplitSpec
from components.trainer import executor as trainer
from components.trainer.hyperparameters import Hyperparameters
from components.transform import component as transform_component
from components.transform import executor as transform
from tests.datasets.grouplens_files import write_grouplens_100k

BEAM_ARGUMENTS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=unused",
]
HYPERPARAMETERS = Hyperparameters(embedding_dimension=8, batch_size=128, epochs=3, patience=0)


@dataclasses.dataclass(frozen=True)
class Artifacts:
    """Artifacts of one pass over the small data set."""

    raw: Path
    examples: standard_artifacts.Examples
    candidates: standard_artifacts.Examples
    transform_graph: standard_artifacts.TransformGraph
    model: standard_artifacts.Model
    model_run: standard_artifacts.ModelRun


def beam_context(temporary: Path) -> Any:
    """Context of a Beam executor that runs in this process."""
    return example_gen.Executor.Context(
        beam_pipeline_args=BEAM_ARGUMENTS, tmp_dir=str(temporary / "beam")
    )


def new_artifact(artifact_type: type[Any], folder: Path, identity: int = 1) -> Any:
    """An empty artifact of a type in `folder`."""
    folder.mkdir(parents=True)
    artifact = artifact_type()
    artifact.uri = str(folder)
    artifact.id = identity
    return artifact


def run_example_gen(raw: Path, output: Path, spec: SplitSpec) -> tuple[Any, Any]:
    """Runs ExampleGen; returns its examples and candidates."""
    examples = new_artifact(standard_artifacts.Examples, output / "examples")
    candidates = new_artifact(standard_artifacts.Examples, output / "candidates", 2)
    example_gen.Executor(beam_context(output)).Do(
        {},
        {"examples": [examples], "candidates": [candidates]},
        {
            "source": str(raw),
            "source_sha256": "",
            "cache": str(output / "cache"),
            "split": spec.to_json(),
            "code_version": "",
        },
    )
    return examples, candidates


def run_trainer(artifacts: dict[str, Any], output: Path, hyperparameters: Hyperparameters) -> Any:
    """Runs the Trainer; returns its model and model run."""
    model = new_artifact(standard_artifacts.Model, output / "model", 3)
    model_run = new_artifact(standard_artifacts.ModelRun, output / "model_run", 4)
    trainer.Executor().Do(
        {name: [artifact] for name, artifact in artifacts.items()},
        {"model": [model], "model_run": [model_run]},
        {"hyperparameters": hyperparameters.to_json(), "code_version": ""},
    )
    return model, model_run


@pytest.fixture(scope="session")
def raw_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated data set in the layout of ml-100k."""
    folder = tmp_path_factory.mktemp("raw")
    write_grouplens_100k(folder, users=60, movies=160, events=3000, seed=7)
    return folder


@pytest.fixture(scope="session")
def artifacts(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The data set after ExampleGen, Transform and Trainer."""
    output = tmp_path_factory.mktemp("artifacts")
    examples, candidates = run_example_gen(raw_folder, output, SplitSpec())
    schema_artifact = new_artifact(standard_artifacts.Schema, output / "schema")
    shutil.copy(schema.INTERACTIONS, output / "schema" / "schema.pbtxt")
    transform_graph = new_artifact(standard_artifacts.TransformGraph, output / "transform_graph")
    transform.Executor(beam_context(output)).Do(
        {"examples": [examples], "candidates": [candidates], "schema": [schema_artifact]},
        {"transform_graph": [transform_graph]},
        {
            "preprocessing_fn": transform_component.PREPROCESSING_FN,
            "splits_config": json.dumps({"analyze": ["train"]}),
            "disable_statistics": 1,
            "custom_config": "null",
        },
    )
    inputs = {"examples": examples, "candidates": candidates, "transform_graph": transform_graph}
    model, model_run = run_trainer(inputs, output, HYPERPARAMETERS)
    return Artifacts(raw_folder, **inputs, model=model, model_run=model_run)
