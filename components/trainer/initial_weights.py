"""Initial weights: equal seeds give equal weights, whatever else draws random numbers."""

from __future__ import annotations

import zlib

import tensorflow as tf

EMBEDDING = 0.05
# Features are many per candidate, and their vectors are added up.
FEATURE = 0.02


def normal(name: str, shape: tuple[int, ...], standard_deviation: float, seed: int) -> tf.Variable:
    """A variable drawn from a normal distribution around 0, float32.

    Args:
        name: Its name, which makes its draw differ from those of other variables.
        shape: Its shape.
        standard_deviation: Of the distribution.
        seed: Seed of the training.
    """
    draw = tf.random.stateless_normal(
        shape, seed=[seed, zlib.crc32(name.encode())], stddev=standard_deviation
    )
    return tf.Variable(draw, name=name)
