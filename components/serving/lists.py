"""From scores to the lists that a request is given. Shapes: B requests, N candidates, K places."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from components.serving import ranking
from components.serving.interface import SERVED, USUAL_K


class Lists(NamedTuple):
    """Lists for B requests, best first.

    Attributes:
        position: Positions of candidates [B, K], int32, where K is the highest count.
        score: Their scores [B, K], float32.
        count: How many of the places hold a candidate [B], int32; the others come last and have
            the lowest finite score, which any JSON can tell.
    """

    position: tf.Tensor
    score: tf.Tensor
    count: tf.Tensor

    @property
    def is_filled(self) -> tf.Tensor:
        """Which places hold a candidate [B, K], bool."""
        return tf.range(tf.shape(self.score)[1]) < self.count[:, None]


def best(scores: tf.Tensor, k: tf.Tensor, excluded: tf.RaggedTensor) -> Lists:
    """The best candidates of each request that are not excluded.

    Args:
        scores: Scores [B, N], float32.
        k: Most candidates of each list [B], int32, between 1 and N.
        excluded: Positions to leave out [B, any], int64.
    """
    scores = ranking.exclude(scores, excluded)
    score, position = tf.math.top_k(scores, tf.reduce_max(tf.concat([[1], k], axis=0)))
    is_candidate = score > ranking.EXCLUDED_SCORE
    count = tf.minimum(tf.reduce_sum(tf.cast(is_candidate, tf.int32), axis=1), k)
    width = tf.reduce_max(tf.concat([[0], count], axis=0))
    lists = Lists(position[:, :width], score[:, :width], count)
    return lists._replace(score=tf.where(lists.is_filled, lists.score, tf.float32.min))


def wanted_k(k: tf.Tensor, requests: tf.Tensor, candidates: int) -> tf.Tensor:
    """Most candidates of each list [B], int32.

    Args:
        k: What is asked for [B] or [1], int32; `USUAL_K` for `SERVED`, or N where that is less.
        requests: B.
        candidates: N.

    Raises:
        InvalidArgumentError: When run: a k is negative or above N.
    """
    valid = tf.debugging.Assert(
        tf.reduce_all((k >= 0) & (k <= candidates)),
        [f"k has to be between 1 and {candidates}, the number of candidates, but is", k],
    )
    with tf.control_dependencies([valid]):
        k = tf.where(k == USUAL_K, min(SERVED, candidates), k)
    return for_each(k, requests)


def for_each(values: tf.Tensor, requests: tf.Tensor) -> tf.Tensor:
    """Values of requests [B, ...], from one for each or one for all of them [1, ...].

    Args:
        values: The values.
        requests: B.
    """
    shape = tf.concat([[requests], tf.shape(values, tf.int64)[1:]], axis=0)
    return tf.broadcast_to(values, shape)
