"""Tensors in the forms that transform graph, scorers and lists want."""

from __future__ import annotations

import tensorflow as tf

# Odd numbers of 63 bits, to keep rows with equal sums of keys apart.
_MULTIPLIERS = (0x1E3779B97F4A7C15, 0x2545F4914F6CDD1D, 0x3C79AC492BA7B653)


def one_per_row(values: tf.Tensor) -> tf.SparseTensor:
    """Values [B] as a column with one value in each row [B, 1]."""
    rows = tf.shape(values, tf.int64)[0]
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, values, tf.stack([rows, tf.constant(1, tf.int64)]))


def for_each(values: tf.Tensor, requests: tf.Tensor) -> tf.Tensor:
    """Values of requests [B, ...], from one for each or one for all of them [1, ...].

    Args:
        values: The values.
        requests: B.
    """
    shape = tf.concat([[requests], tf.shape(values, tf.int64)[1:]], axis=0)
    return tf.broadcast_to(values, shape)


def distinct(keys: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Groups rows with the same keys.

    Args:
        keys: Integers [B], int64, each.

    Returns:
        The first row of each group [D], int64, and the group of each row [B], int64.
    """
    mixed = tf.add_n([key * factor for key, factor in zip(keys, _MULTIPLIERS, strict=False)])
    _, group = tf.unique(mixed, out_idx=tf.int64)
    groups = tf.reduce_max(tf.concat([[-1], group], axis=0)) + 1
    rows = tf.range(tf.shape(mixed, tf.int64)[0])
    return tf.math.unsorted_segment_min(rows, group, groups), group


def seconds(later: tf.Tensor, earlier: tf.Tensor) -> tf.Tensor:
    """Seconds from one time to another, float32."""
    return tf.cast(later - earlier, tf.float32)
