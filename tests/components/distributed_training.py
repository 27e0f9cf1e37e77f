"""One process of a distributed training: `mirrored` on two devices, or a worker of TF_CONFIG."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.trainer.distribution import strategy_of
from components.trainer.hyperparameters import Hyperparameters


def hyperparameters(softmax: str, distribution: str = "none") -> Hyperparameters:
    """A small model without dropout, whose draws differ with the number of devices."""
    return Hyperparameters(
        embedding_dimension=8,
        hidden_units=16,
        batch_size=64,
        epochs=2,
        patience=2,
        history_dropout=0.0,
        session_dropout=0.0,
        hidden_dropout=0.0,
        query_dropout=0.0,
        returning_share=0.2,
        softmax=softmax,
        distribution=distribution,
    )


def main(distribution: str, softmax: str, folder: str) -> None:
    if distribution == "mirrored":
        [cpu] = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    strategy_of(distribution)
    from tests.components.test_trainer import _train, _weights

    trained = _train(hyperparameters(softmax, distribution), Path(folder))
    np.savez(Path(folder, "weights.npz"), **_weights(trained.model))
    Path(folder, "history.json").write_text(json.dumps(trained.history), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
