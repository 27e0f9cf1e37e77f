"""A training that is killed goes on to the very model that it would have become."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.trainer import training
from components.trainer.checkpoints import checkpoint_folder, discard
from components.trainer.training import Training, ValidAccuracy
from tests.components.test_trainer import _HYPERPARAMETERS, _train, _weights

# It stops early, after its third epoch; the best is the first.
HYPERPARAMETERS = dataclasses.replace(_HYPERPARAMETERS, epochs=6, patience=2, learning_rate=0.05)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return _train(HYPERPARAMETERS, tmp_path_factory.mktemp("logs"))


def _assert_same(one: Training, other: Training) -> None:
    assert one.history == other.history
    weights, expected = _weights(one.model), _weights(other.model)
    assert weights.keys() == expected.keys()
    for name, values in weights.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def _killed_training(folder: str, epoch: str) -> None:
    """Kills this process at the end of an epoch, before anything is kept of it."""

    def kill(self: ValidAccuracy, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == last:
            os.kill(os.getpid(), signal.SIGKILL)
        on_epoch_end(self, epoch, logs)

    last, on_epoch_end = int(epoch), ValidAccuracy.on_epoch_end
    ValidAccuracy.on_epoch_end = kill  # type: ignore[method-assign]
    _train(HYPERPARAMETERS, Path(folder), str(Path(folder, "checkpoints")))


def test_a_killed_training_goes_on(uninterrupted: Training, tmp_path: Path) -> None:
    epochs = len(uninterrupted.history[training.VALID_METRIC])
    assert 2 < epochs < HYPERPARAMETERS.epochs
    killed = subprocess.run(
        [sys.executable, "-m", __name__, str(tmp_path), "2"],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = _train(HYPERPARAMETERS, tmp_path, str(tmp_path / "checkpoints"))
    _assert_same(resumed, uninterrupted)


def test_a_training_that_had_stopped_is_not_gone_on_with(
    uninterrupted: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "checkpoints")
    _assert_same(_train(HYPERPARAMETERS, tmp_path, folder), uninterrupted)
    monkeypatch.setattr(ValidAccuracy, "on_epoch_end", lambda *arguments: pytest.fail("an epoch"))
    _assert_same(_train(HYPERPARAMETERS, tmp_path, folder), uninterrupted)
    discard(folder)
    discard(folder)
    assert not Path(folder).exists()


def test_other_trainings_have_other_folders() -> None:
    folders = {checkpoint_folder("root", *identity) for identity in (("a", "b"), ("ab",), ("a",))}
    assert len(folders) == 3
    assert checkpoint_folder("root", "a") in folders


if __name__ == "__main__":
    _killed_training(*sys.argv[1:])
