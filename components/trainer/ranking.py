"""Ranks and lists from scores: the one place that says what "top k" means, here and when served.

Shapes: B queries, N candidates, K length of a list.
"""

from __future__ import annotations

import tensorflow as tf

# Rank of a true candidate that is not in the catalogue, already seen, or scored by a broken model.
MISS = 0
EXCLUDED_SCORE = float("-inf")


def exclude(scores: tf.Tensor, seen: tf.SparseTensor) -> tf.Tensor:
    """Scores [B, N] with `EXCLUDED_SCORE` at the seen candidates.

    Args:
        scores: Scores [B, N], float32.
        seen: Positions of seen candidates [B, any], int64; negative ones are unknown and ignored.
    """
    known = seen.values >= 0
    places = tf.stack([seen.indices[:, 0], tf.maximum(seen.values, 0)], axis=1)
    places = tf.boolean_mask(places, known)
    updates = tf.fill([tf.shape(places)[0]], tf.constant(EXCLUDED_SCORE, scores.dtype))
    return tf.tensor_scatter_nd_update(scores, places, updates)


def rank_of(scores: tf.Tensor, candidate: tf.Tensor) -> tf.Tensor:
    """Rank of one candidate per query, ties AGAINST it.

    So a model that scores all candidates alike has every rank at N, where counting ties for it (as
    `tf.math.in_top_k` and with it FactorizedTopK do) would put them at 1.

    Args:
        scores: Scores [B, N], float32.
        candidate: Positions [B], int64; negative if not in the catalogue.

    Returns:
        Ranks [B], int64, from 1; `MISS` if the candidate is not in the catalogue, is excluded, or
        any score of its row is not a number or +infinite.
    """
    inside = candidate >= 0
    position = tf.maximum(candidate, 0)
    own = tf.gather(scores, position, axis=1, batch_dims=1)
    at_least = tf.reduce_sum(tf.cast(scores >= own[:, None], tf.int64), axis=1)
    valid = inside & (own > EXCLUDED_SCORE) & all_usable(scores)
    return tf.where(valid, at_least, tf.constant(MISS, tf.int64))


def all_usable(scores: tf.Tensor) -> tf.Tensor:
    """Whether no score of a row is NaN or +infinite [B], bool."""
    return tf.reduce_all(scores < float("inf"), axis=1)
