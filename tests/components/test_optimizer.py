"""The fused Adam against the one of Keras."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras

from components.trainer.optimizer import FusedAdam

_STEPS = 5


def _updated(optimizer: tf_keras.optimizers.Optimizer) -> list[np.ndarray]:
    """Two variables after some steps: one with dense gradients, one with those of some rows."""
    rng = np.random.default_rng(1)
    dense = tf.Variable(rng.normal(size=(4, 3)), dtype=tf.float32)
    table = tf.Variable(rng.normal(size=(5, 2)), dtype=tf.float32)
    optimizer.build([dense, table])
    for _ in range(_STEPS):
        rows = tf.IndexedSlices(
            tf.constant(rng.normal(size=(2, 2)), tf.float32), tf.constant([0, 3]), table.shape
        )
        gradient = tf.constant(rng.normal(size=(4, 3)), tf.float32)
        optimizer.apply_gradients([(gradient, dense), (rows, table)])
    return [dense.numpy(), table.numpy()]


def test_it_updates_as_adam_of_keras_does() -> None:
    schedule = tf_keras.optimizers.schedules.CosineDecay(0.1, _STEPS)
    for fused, of_keras in zip(
        _updated(FusedAdam(schedule)), _updated(tf_keras.optimizers.Adam(schedule)), strict=True
    ):
        np.testing.assert_allclose(fused, of_keras, rtol=1e-4)
