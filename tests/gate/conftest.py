"""The default preset on the real MovieLens 100K, and the bounds of its gate."""

from __future__ import annotations

import dataclasses

import pytest

from components.evaluator.gate import GateBounds
from components.example_gen.splits import SplitSpec
from pipeline import presets
from pipeline.nodes import gate_bounds
from tests import real_data
from tests.components.steps import Artifacts, run_all

# Of the preset, except for its epochs: these are enough for the bounds.
HYPERPARAMETERS = dataclasses.replace(presets.load(presets.DEFAULT, []).training, epochs=3)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """MovieLens 100K after everything up to the evaluation of the peers."""
    config = presets.load(presets.DEFAULT, [])
    spec = SplitSpec(**config.split.model_dump())
    folder = tmp_path_factory.mktemp("real")
    return run_all(real_data.source(), folder, HYPERPARAMETERS, spec)


@pytest.fixture(scope="session")
def bounds() -> GateBounds:
    """What the default preset holds models to."""
    return gate_bounds(presets.load(presets.DEFAULT, []))
