"""Ranks and lists from scores: the one place that says what "top k" means, here and when served.

Shapes: B rows, each of one of D distinct queries, N candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from components.serving.context import row_numbers

# Rank of a true candidate that is not in the catalogue, already seen, or scored by a broken model.
MISS = 0
EXCLUDED_SCORE = float("-inf")
# Scores of a batch are held for as many candidates at once: 64 MB for 2,048 distinct queries, and
# thrice that while they are compared.
BLOCK = 8_192
REPEATED_TOP = 10

ScoreBlock = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
State = tuple[tf.Tensor, ...]


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


def exclude(scores: tf.Tensor, seen: tf.RaggedTensor) -> tf.Tensor:
    """Scores [D, N] with `EXCLUDED_SCORE` at the seen candidates.

    Args:
        scores: Scores [D, N], float32.
        seen: Positions of seen candidates [D, any], int64; those outside [0, N) are ignored.
    """
    inside = (seen.values >= 0) & (seen.values < tf.shape(scores, tf.int64)[1])
    places = tf.boolean_mask(tf.stack([row_numbers(seen), seen.values], axis=1), inside)
    updates = tf.fill([tf.shape(places)[0]], tf.constant(EXCLUDED_SCORE, scores.dtype))
    return tf.tensor_scatter_nd_update(scores, places, updates)


def rank_candidates(
    score_block: ScoreBlock,
    candidates: int,
    distinct: tf.Tensor,
    candidate: tf.Tensor,
    seen: tf.RaggedTensor,
) -> Ranks:
    """Ranks of one candidate per row, ties AGAINST it, among all and among the unseen.

    So a model that scores all candidates alike has every rank at N, where counting ties for it (as
    `tf.math.in_top_k` and with it FactorizedTopK do) would put them at 1. A candidate's score and
    the scores it is compared with come from the same product, so equal vectors tie exactly. The
    scores of more than `BLOCK` candidates are never held at once; they are then computed twice.

    Args:
        score_block: Scores [D, stop - start], float32, of the candidates from `start` to `stop`.
        candidates: N.
        distinct: Which of the D distinct queries each row has [B], int32 or int64.
        candidate: Positions [B], int64; negative if not in the catalogue.
        seen: Positions of the candidates that each distinct query saw [D, any], int64; negative if
            not in the catalogue.
    """
    if candidates <= BLOCK:
        scores = score_block(tf.constant(0, tf.int64), tf.constant(candidates, tf.int64))
        score_block = lambda start, stop: scores  # noqa: E731
    distinct = tf.cast(distinct, tf.int64)
    rows, queries = tf.shape(candidate, tf.int64)[0], seen.nrows()
    width = min(REPEATED_TOP, candidates)

    def scan(start: tf.Tensor, stop: tf.Tensor, state: State) -> State:
        own, finite, best, best_at = state
        scores = score_block(start, stop)
        found = _at(scores, distinct, candidate - start, own)
        finite &= tf.reduce_all(tf.math.is_finite(scores), axis=1)
        values, at = tf.math.top_k(scores, tf.minimum(width, tf.shape(scores)[1]))
        merged_at = tf.concat([best_at, tf.cast(at, tf.int64) + start], axis=1)
        best, order = tf.math.top_k(tf.concat([best, values], axis=1), width)
        return found, finite, best, tf.gather(merged_at, order, axis=1, batch_dims=1)

    own, finite, _, top = _over_blocks(
        scan,
        candidates,
        (
            tf.zeros([rows]),
            tf.fill([queries], True),
            # Empty places, which no real score is below.
            tf.fill([queries, width], tf.constant(EXCLUDED_SCORE)),
            tf.zeros([queries, width], tf.int64),
        ),
    )

    def count(start: tf.Tensor, stop: tf.Tensor, state: State) -> State:
        among_all, among_unseen, is_unseen = state
        scores = score_block(start, stop)
        unseen = exclude(scores, seen - start)
        found = _at(unseen, distinct, candidate - start, own)
        return (
            among_all + _count_at_least(scores, distinct, own),
            among_unseen + _count_at_least(unseen, distinct, own),
            is_unseen & (found > EXCLUDED_SCORE),
        )

    none = tf.zeros([rows], tf.int64)
    among_all, among_unseen, is_unseen = _over_blocks(
        count, candidates, (none, none, tf.fill([rows], True))
    )
    usable = tf.gather(finite, distinct)
    valid = (candidate >= 0) & (candidate < candidates) & usable
    miss = tf.constant(MISS, tf.int64)
    return Ranks(
        rank=tf.where(valid, among_all, miss),
        unseen_rank=tf.where(valid & is_unseen, among_unseen, miss),
        usable=usable,
        top=tf.gather(top, distinct),
    )


def _at(
    scores: tf.Tensor, distinct: tf.Tensor, position: tf.Tensor, otherwise: tf.Tensor
) -> tf.Tensor:
    """The score of each row's position, or `otherwise` where the block does not have it [B]."""
    inside = (position >= 0) & (position < tf.shape(scores, tf.int64)[1])
    places = tf.stack([distinct, tf.where(inside, position, 0)], axis=1)
    return tf.where(inside, tf.gather_nd(scores, places), otherwise)


def _count_at_least(scores: tf.Tensor, distinct: tf.Tensor, least: tf.Tensor) -> tf.Tensor:
    """How many scores of a row's query are not below a bound [B], int64.

    By comparing each row with all scores: sorting the scores of each distinct query once, for
    bisection, takes three times as long where twenty rows share a query and fifty where none do.

    Args:
        scores: Scores [D, n], float32.
        distinct: Which of the D distinct queries each row has [B], int64.
        least: The bound of each row [B], float32.
    """
    at_least = tf.gather(scores, distinct) >= least[:, None]
    # Not `count_nonzero`, which counts in int64 and takes twice as long.
    return tf.cast(tf.reduce_sum(tf.cast(at_least, tf.int32), axis=1), tf.int64)


def _over_blocks(
    step: Callable[[tf.Tensor, tf.Tensor, State], State], candidates: int, state: State
) -> State:
    """Folds `step(start, stop, state)` over the blocks of the catalogue."""
    zero = tf.constant(0, tf.int64)
    if candidates <= BLOCK:
        return step(zero, tf.constant(candidates, tf.int64), state)

    def body(start: tf.Tensor, *values: tf.Tensor) -> State:
        stop = tf.minimum(start + BLOCK, candidates)
        return (stop, *step(start, stop, values))

    shapes = [tf.TensorShape([None] * value.shape.rank) for value in state]
    _, *folded = tf.while_loop(
        lambda start, *_: start < candidates,
        body,
        (zero, *state),
        shape_invariants=(tf.TensorShape([]), *shapes),
        parallel_iterations=1,
    )
    return tuple(folded)
