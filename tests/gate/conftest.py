"""The default preset on the real MovieLens 100K, and the bounds of its gate."""

from __future__ import annotations

import pytest

from components.evaluator.gate import GateBounds
from pipeline import presets
from pipeline.nodes import gate_bounds
from tests import real_data
from tests.components.steps import Artifacts, run_all


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """MovieLens 100K after everything up to the evaluation of the peers."""
    hyperparameters = presets.load(presets.DEFAULT, []).training
    return run_all(real_data.source(), tmp_path_factory.mktemp("real"), hyperparameters)


@pytest.fixture(scope="session")
def bounds() -> GateBounds:
    """What the default preset holds models to."""
    return gate_bounds(presets.load(presets.DEFAULT, []))
