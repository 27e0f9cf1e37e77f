"""A small data set taken once through the real executors, for the tests of every component."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.trainer.hyperparameters import Hyperparameters
from tests.components.steps import Artifacts, run_all
from tests.datasets.grouplens_files import write_grouplens_100k

# With a seed that leaves no two scores of a list closer than float32 tells them apart.
HYPERPARAMETERS = Hyperparameters(
    embedding_dimension=8, hidden_units=16, batch_size=128, epochs=3, patience=0, seed=1
)


@pytest.fixture(scope="session")
def raw_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated data set in the layout of ml-100k."""
    folder = tmp_path_factory.mktemp("raw")
    write_grouplens_100k(folder, users=60, movies=160, events=3000, seed=7)
    return folder


@pytest.fixture(scope="session")
def artifacts(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The data set after ExampleGen, Transform, Trainer and the peers."""
    return run_all(str(raw_folder), tmp_path_factory.mktemp("artifacts"), HYPERPARAMETERS)
