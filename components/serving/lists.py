"""From scores to the lists that a request is given. Shapes: B requests, N candidates, K places."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from components.serving import ranking
from components.serving.interface import SERVED, USUAL_K
from components.serving.tensors import for_each

# Candidates of a block: about the root of many candidates is best, and it is flat around that.
_BLOCK = 128
# With fewer blocks than this for each candidate of a list, blocks cost more than they spare.
_LEAST_BLOCKS_PER_PLACE = 4
# Below it, whatever is gained is less than a call costs.
_LEAST_FOR_BLOCKS = 32_768


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
    score, position = top_k(ranking.exclude(scores, excluded), longest(k))
    return cut(score, position, k)


def longest(k: tf.Tensor) -> tf.Tensor:
    """Length of the longest of lists, at least 1; of k [B], int32."""
    return tf.reduce_max(tf.concat([[1], k], axis=0))


def cut(score: tf.Tensor, position: tf.Tensor, k: tf.Tensor) -> Lists:
    """Lists of what was found.

    Args:
        score: Scores [B, any], float32, best first; `ranking.EXCLUDED_SCORE` for what is none.
        position: Positions of candidates [B, any], int32.
        k: Most candidates of each list [B], int32.
    """
    is_candidate = score > ranking.EXCLUDED_SCORE
    count = tf.minimum(tf.reduce_sum(tf.cast(is_candidate, tf.int32), axis=1), k)
    width = tf.reduce_max(tf.concat([[0], count], axis=0))
    lists = Lists(position[:, :width], score[:, :width], count)
    return lists._replace(score=tf.where(lists.is_filled, lists.score, tf.float32.min))


def top_k(scores: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What `tf.math.top_k` gives, equal scores in the same order, faster of many.

    The k best lie in the k blocks with the highest maxima: a block ahead of another has a score
    ahead of all of the other's.

    Args:
        scores: Scores [B, N], float32.
        k: How many, int32, at most N.
    """
    candidates = scores.shape[1]
    if candidates is None or candidates < _LEAST_FOR_BLOCKS:
        return tuple(tf.math.top_k(scores, k))
    return tf.cond(
        k * (_LEAST_BLOCKS_PER_PLACE * _BLOCK) <= candidates,
        lambda: _top_k_of_blocks(scores, candidates, k),
        lambda: tuple(tf.math.top_k(scores, k)),
    )


def _top_k_of_blocks(
    scores: tf.Tensor, candidates: int, k: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    blocks = -(-candidates // _BLOCK)
    left = [[0, 0], [0, blocks * _BLOCK - candidates]]
    padded = tf.pad(scores, left, constant_values=ranking.EXCLUDED_SCORE)
    in_blocks = tf.reshape(padded, [-1, blocks, _BLOCK])
    _, chosen = tf.math.top_k(tf.reduce_max(in_blocks, axis=2), k)
    # In their order, so that of equal scores the first comes first, and padding last of all.
    chosen = tf.sort(chosen, axis=1)
    found = tf.gather(in_blocks, chosen, batch_dims=1)
    score, place = tf.math.top_k(tf.reshape(found, tf.stack([-1, k * _BLOCK])), k)
    block = tf.gather(chosen, place // _BLOCK, batch_dims=1)
    return score, block * _BLOCK + place % _BLOCK


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
