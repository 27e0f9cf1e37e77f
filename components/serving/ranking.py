"""Ranks and lists from scores: the one place that says what "top k" means, here and when served.

Shapes: B queries, D distinct queries among them, N candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# Rank of a true candidate that is not in the catalogue, already seen, or scored by a broken model.
MISS = 0
EXCLUDED_SCORE = float("-inf")
# Scores of a batch are held for as many candidates at once: 64 MB for 2,048 rows.
BLOCK = 8_192
REPEATED_TOP = 10

ScoreBlock = Callable[[tf.Tensor | int, tf.Tensor | int], tf.Tensor]


class Ranks(NamedTuple):
    """What `rank_candidates` finds.

    Attributes:
        rank: Rank among all candidates [B], int64, from 1, or `MISS`.
        unseen_rank: Rank among the candidates that are not seen [B], int64, from 1, or `MISS`.
        usable: Whether all scores of the row are finite numbers [B], bool.
        top: Positions of the best `REPEATED_TOP` of all candidates, best first
            [B, min(REPEATED_TOP, N)], int64.
    """

    rank: tf.Tensor
    unseen_rank: tf.Tensor
    usable: tf.Tensor
    top: tf.Tensor


def exclude(scores: tf.Tensor, seen: tf.SparseTensor) -> tf.Tensor:
    """Scores [B, N] with `EXCLUDED_SCORE` at the seen candidates.

    Args:
        scores: Scores [B, N], float32.
        seen: Positions of seen candidates [B, any], int64; those outside [0, N) are ignored.
    """
    inside = (seen.values >= 0) & (seen.values < tf.shape(scores, tf.int64)[1])
    places = tf.boolean_mask(tf.stack([seen.indices[:, 0], seen.values], axis=1), inside)
    updates = tf.fill([tf.shape(places)[0]], tf.constant(EXCLUDED_SCORE, scores.dtype))
    return tf.tensor_scatter_nd_update(scores, places, updates)


def rank_candidates(
    score_block: ScoreBlock,
    candidates: int,
    distinct: tf.Tensor,
    candidate: tf.Tensor,
    seen: tf.SparseTensor,
) -> Ranks:
    """Ranks of one candidate per query, ties AGAINST it, among all and among the unseen.

    So a model that scores all candidates alike has every rank at N, where counting ties for it (as
    `tf.math.in_top_k` and with it FactorizedTopK do) would put them at 1. A candidate's score and
    the scores it is compared with come from the same product, so equal vectors tie exactly. The
    scores of more than `BLOCK` candidates are never held at once; they are then computed twice.

    Args:
        score_block: Scores [D, stop - start], float32, of the candidates from `start` to `stop`.
        candidates: N.
        distinct: For each row, which of the D distinct queries it has [B], int32 or int64.
        candidate: Positions [B], int64; negative if not in the catalogue.
        seen: Positions of seen candidates [B, any], int64, none twice in a row; negative if not in
            the catalogue.
    """
    if candidates <= BLOCK:
        scores = score_block(0, candidates)
        score_block = lambda start, stop: scores  # noqa: E731
    distinct = tf.cast(distinct, tf.int64)
    rows = tf.shape(candidate, tf.int64)[0]

    def scan(start: tf.Tensor, stop: tf.Tensor, state: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        own, finite, best, best_at = state
        scores = score_block(start, stop)
        inside = (candidate >= start) & (candidate < stop)
        place = tf.where(inside, candidate - start, 0)
        found = tf.gather_nd(scores, tf.stack([distinct, place], axis=1))
        is_finite = tf.reduce_all(tf.math.is_finite(scores), axis=1)
        values, at = tf.math.top_k(scores, tf.minimum(REPEATED_TOP, tf.shape(scores)[1]))
        merged = tf.concat([best, values], axis=1)
        merged_at = tf.concat([best_at, tf.cast(at, tf.int64) + start], axis=1)
        best, order = tf.math.top_k(merged, min(REPEATED_TOP, candidates))
        best_at = tf.gather(merged_at, order, axis=1, batch_dims=1)
        return [tf.where(inside, found, own), finite & is_finite, best, best_at]

    def count(start: tf.Tensor, stop: tf.Tensor, state: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        unseen, among_seen = state
        scores = tf.gather(score_block(start, stop), distinct)
        here = seen.with_values(seen.values - start)
        inside = (here.values >= 0) & (seen.values < stop)
        places = tf.boolean_mask(tf.stack([seen.indices[:, 0], here.values], axis=1), inside)
        ahead = tf.gather_nd(scores, places) >= tf.gather(own, places[:, 0])
        among_seen += tf.math.unsorted_segment_sum(tf.cast(ahead, tf.int32), places[:, 0], rows)
        at_least = exclude(scores, here) >= own[:, None]
        return [unseen + tf.reduce_sum(tf.cast(at_least, tf.int32), axis=1), among_seen]

    queries = tf.reduce_max(tf.concat([[-1], distinct], axis=0)) + 1
    # Empty places, which no real score is below.
    width = min(REPEATED_TOP, candidates)
    nothing = tf.fill(tf.stack([queries, width]), tf.constant(EXCLUDED_SCORE))
    own, finite, _, top = _over_blocks(
        scan,
        candidates,
        [
            tf.zeros([rows]),
            tf.fill([queries], True),
            nothing,
            tf.zeros_like(nothing, tf.int64),
        ],
    )
    unseen, among_seen = _over_blocks(
        count, candidates, [tf.zeros([rows], tf.int32), tf.zeros([rows], tf.int32)]
    )
    usable = tf.gather(finite, distinct)
    valid = (candidate >= 0) & (candidate < candidates) & usable
    is_own = tf.cast(seen.values == tf.gather(candidate, seen.indices[:, 0]), tf.int32)
    own_seen = tf.math.unsorted_segment_sum(is_own, seen.indices[:, 0], rows) > 0
    miss = tf.constant(MISS, tf.int64)
    return Ranks(
        rank=tf.where(valid, tf.cast(unseen + among_seen, tf.int64), miss),
        unseen_rank=tf.where(valid & ~own_seen, tf.cast(unseen, tf.int64), miss),
        usable=usable,
        top=tf.gather(top, distinct),
    )


def _over_blocks(
    step: Callable[[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]], list[tf.Tensor]],
    candidates: int,
    state: list[tf.Tensor],
) -> list[tf.Tensor]:
    """Folds `step(start, stop, state)` over the blocks of the catalogue."""
    if candidates <= BLOCK:
        zero, size = tf.constant(0, tf.int64), tf.constant(candidates, tf.int64)
        return step(zero, size, tuple(state))
    shapes = [tf.TensorShape([None] * value.shape.rank) for value in state]

    def body(start: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
        stop = tf.minimum(start + BLOCK, candidates)
        return [stop, *step(start, stop, values)]

    _, *state = tf.while_loop(
        lambda start, *_: start < candidates,
        body,
        [tf.constant(0, tf.int64), *state],
        shape_invariants=[tf.TensorShape([]), *shapes],
        parallel_iterations=1,
    )
    return state
