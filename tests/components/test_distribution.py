"""Training on several devices and in several processes gives what one device gives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import distribution
from tests.components.distributed_training import hyperparameters
from tests.components.test_trainer import _train, _weights

_ROOT = Path(__file__).parents[2]


def _assert_as_alone(softmax: str, tmp_path: Path, folders: list[Path]) -> None:
    alone = _train(hyperparameters(softmax), tmp_path / "alone")
    expected = _weights(alone.model)
    for folder in folders:
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        assert history.keys() == alone.history.keys()
        for name, of_epochs in alone.history.items():
            np.testing.assert_allclose(history[name], of_epochs, rtol=1e-5, err_msg=name)
        with np.load(folder / "weights.npz") as weights:
            for name, values in expected.items():
                np.testing.assert_allclose(weights[name], values, atol=1e-4, err_msg=name)


def _start(
    name: str, softmax: str, folder: Path, config: dict[str, Any] | None = None
) -> subprocess.Popen[str]:
    folder.mkdir()
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    if config is not None:
        environment["TF_CONFIG"] = json.dumps(config)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.components.distributed_training", name, softmax, folder],
        cwd=_ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err[-3000:]


@pytest.mark.slow
def test_two_devices(tmp_path: Path) -> None:
    _end(_start(distribution.MIRRORED, "full", tmp_path / "mirrored"))
    _assert_as_alone("full", tmp_path, [tmp_path / "mirrored"])


@pytest.mark.slow
def test_two_workers(tmp_path: Path) -> None:
    cluster = {"worker": [f"127.0.0.1:{_free_port()}" for _ in range(2)]}
    folders = [tmp_path / str(index) for index in range(2)]
    workers = [
        _start(
            distribution.MULTI_WORKER,
            "in_batch",
            folder,
            {"cluster": cluster, "task": {"type": "worker", "index": index}},
        )
        for index, folder in enumerate(folders)
    ]
    for worker in workers:
        _end(worker)
    _assert_as_alone("in_batch", tmp_path, folders)


def test_what_a_distribution_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=r"CPU:0 is the only device: set it to none"):
        distribution.strategy_of(distribution.MIRRORED)
    with pytest.raises(ValueError, match="has no TF_CONFIG"):
        distribution.strategy_of(distribution.MULTI_WORKER)
    assert distribution.strategy_of(distribution.NONE) is tf.distribute.get_strategy()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
