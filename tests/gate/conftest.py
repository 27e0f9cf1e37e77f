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

_CONFIG = presets.load(presets.DEFAULT, [])
# The preset with fewer epochs and fewer rows to judge by: they are enough for its bounds.
HYPERPARAMETERS = dataclasses.replace(_CONFIG.training, epochs=3)
SPLIT = SplitSpec(**{**_CONFIG.split.model_dump(), "eval_fraction": 0.05})


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """MovieLens 100K after everything up to the evaluation of the peers."""
    folder = tmp_path_factory.mktemp("real")
    return run_all(real_data.source(), folder, HYPERPARAMETERS, SPLIT)


@pytest.fixture(scope="session")
def bounds() -> GateBounds:
    """What the default preset holds models to."""
    return gate_bounds(_CONFIG)
