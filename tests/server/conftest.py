"""A pushed model for the server: the one of the components' tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from pipeline.paths import OutputPaths
from tests.components.conftest import artifacts, raw_folder
from tests.components.steps import Artifacts
from tests.server.running import Client, running

__all__ = ["artifacts", "raw_folder"]


@pytest.fixture
def pushed(artifacts: Artifacts, tmp_path: Path) -> OutputPaths:
    """An output folder with one version."""
    paths = OutputPaths.of(tmp_path / "output")
    shutil.copytree(f"{artifacts.model.uri}/Format-Serving", paths.serving / "1700000001")
    return paths


@pytest.fixture(scope="session")
def model(artifacts: Artifacts) -> Any:
    """What is pushed, loaded by TensorFlow itself."""
    return tf.saved_model.load(f"{artifacts.model.uri}/Format-Serving")


@pytest.fixture(scope="session")
def client(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server whose folder nobody changes."""
    paths = OutputPaths.of(tmp_path_factory.mktemp("served"))
    shutil.copytree(f"{artifacts.model.uri}/Format-Serving", paths.serving / "1700000001")
    with running(paths) as client:
        yield client
