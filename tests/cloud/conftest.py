"""A compiled pipeline for the tests of what is sent where."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main

# Tasks whose inputs another seed of the training does not change.
OF_DATA = {
    "ExampleGen",
    "InteractionStatistics",
    "CandidateStatistics",
    "InteractionSchema",
    "CandidateSchema",
    "InteractionValidator",
    "CandidateValidator",
    "Transform",
    "Popularity",
    "ItemKnn",
    "SessionKnn",
    "ImplicitAls",
    "PeerEvaluator",
}
COMPILE = ("--image", "registry/image:1", "--pipeline-root", "gs://bucket/artifacts")


@pytest.fixture(scope="session")
def vertex_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `compile --target vertex` writes."""
    return _compiled("vertex", tmp_path_factory.mktemp("vertex") / "job.json")


@pytest.fixture(scope="session")
def kubeflow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `compile --target kubeflow` writes."""
    return _compiled("kubeflow", tmp_path_factory.mktemp("kubeflow") / "pipeline.yaml")


def _compiled(target: str, file: Path) -> Path:
    resources = ["--cpu", "2", "--cpu", "Trainer=8", "--memory", "16", "--retries", "2"]
    resources += ["--gpu", "Trainer=NVIDIA_TESLA_T4:2"]
    assert main(["compile", "--target", target, *COMPILE, *resources, "--out", str(file)]) == 0
    return file
