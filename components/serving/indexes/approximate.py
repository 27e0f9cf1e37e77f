"""What approximate indexes have in common: when all candidates are ranked after all.

Shapes: B requests, N candidates, W width of a vector, K = the most that one of the requests wants.
"""

from __future__ import annotations

import abc

import tensorflow as tf

from components.serving import lists, ranking
from components.serving.context import keep
from components.serving.indexes.index import Index
from components.serving.interface import SERVED
from components.serving.lists import Lists
from components.serving.scorers import VectorScorer

# Requests that are looked up at once: what they read lies in memory together.
_AT_ONCE = 16


class ApproximateIndex(Index):
    """Looks at some of the candidates, and at all of them for a request that needs it.

    That is one that wants it, wants more than `SERVED`, excludes more than was tried when the index
    was made, or has too few left of what it looked at. A request gets the same alone and in a
    batch.

    Args:
        scorer: What scores candidates.
        candidates: N.
        most_excluded: Most candidates that a request may exclude without all being ranked.
    """

    def __init__(self, scorer: VectorScorer, candidates: int, most_excluded: int) -> None:
        super().__init__(scorer, candidates)
        self._most_excluded = most_excluded

    @abc.abstractmethod
    def look_up(self, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Some candidates that are good for each request, in any order.

        Args:
            vectors: Vectors of requests [B, W], float32.

        Returns:
            Their scores [B, any], float32, and positions [B, any], int32; the position N and any
            score where there is none.
        """

    def best(
        self, prepared: tf.Tensor, k: tf.Tensor, excluded: tf.RaggedTensor, exact: tf.Tensor
    ) -> Lists:
        """See `Index`."""
        width = lists.longest(k)
        # What is no candidate leaves none out.
        inside = (excluded.values >= 0) & (excluded.values < self._candidates)
        excluded = keep(excluded, inside)
        needs_all = exact | (k > SERVED) | (excluded.row_lengths() > self._most_excluded)
        score, position = tf.cond(
            tf.reduce_all(needs_all),
            lambda: _nothing(needs_all, width),
            lambda: self._looked_up(prepared, excluded, width),
        )
        found = tf.reduce_sum(tf.cast(score > ranking.EXCLUDED_SCORE, tf.int32), axis=1)
        rows = tf.where(needs_all | (found < k))[:, 0]

        def with_exact() -> tuple[tf.Tensor, tf.Tensor]:
            scores = self.scorer.scores(tf.gather(prepared, rows), 0, self._candidates)
            scores = ranking.exclude(scores, tf.gather(excluded, rows))
            best = lists.top_k(scores, width)
            return tuple(
                tf.tensor_scatter_nd_update(part, rows[:, None], of_rows)
                for part, of_rows in zip((score, position), best, strict=True)
            )

        score, position = tf.cond(tf.size(rows) > 0, with_exact, lambda: (score, position))
        return lists.cut(score, position, k)

    def _looked_up(
        self, vectors: tf.Tensor, excluded: tf.RaggedTensor, width: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and positions of the best of what is looked up [B, K]."""
        requests = tf.shape(vectors)[0]

        def of_some(start: tf.Tensor, stop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scores, positions = self.look_up(vectors[start:stop])
            scores = tf.where(positions < self._candidates, scores, ranking.EXCLUDED_SCORE)
            left_out = self._left_out(excluded[start:stop])
            # So many that the best are among them whatever is excluded.
            length = tf.minimum(width + tf.shape(left_out)[1], tf.shape(scores)[1])
            score, place = tf.math.top_k(scores, length)
            position = tf.gather(positions, place, batch_dims=1)
            score = tf.where(_is_in(position, left_out), ranking.EXCLUDED_SCORE, score)
            length = tf.minimum(width, length)
            score, place = tf.math.top_k(score, length)
            position = tf.gather(position, place, batch_dims=1)
            left = [[0, 0], [0, width - length]]
            return (
                tf.pad(score, left, constant_values=ranking.EXCLUDED_SCORE),
                # What is none has a position as well, which no table has names for.
                tf.pad(tf.minimum(position, self._candidates - 1), left),
            )

        def in_parts() -> tuple[tf.Tensor, tf.Tensor]:
            parts = -(-requests // _AT_ONCE)
            scores, positions = (
                tf.TensorArray(dtype, parts, infer_shape=False) for dtype in (tf.float32, tf.int32)
            )

            def body(part: tf.Tensor, *arrays: tf.TensorArray) -> tuple[tf.Tensor, ...]:
                start = part * _AT_ONCE
                found = of_some(start, tf.minimum(start + _AT_ONCE, requests))
                written = (a.write(part, of) for a, of in zip(arrays, found, strict=True))
                return (part + 1, *written)

            _, scores, positions = tf.while_loop(
                lambda part, *_: part < parts, body, (0, scores, positions), parallel_iterations=1
            )
            return scores.concat(), positions.concat()

        return tf.cond(requests <= _AT_ONCE, lambda: of_some(0, requests), in_parts)

    def _left_out(self, excluded: tf.RaggedTensor) -> tf.Tensor:
        """As many of the positions to leave out as are looked at [B, any], int32, padded with N."""
        most = tf.reduce_max(tf.concat([[0], excluded.row_lengths()], axis=0))
        shape = [-1, tf.minimum(most, self._most_excluded)]
        return tf.cast(excluded.to_tensor(self._candidates, shape=shape), tf.int32)


def _is_in(positions: tf.Tensor, excluded: tf.Tensor) -> tf.Tensor:
    """Which positions [B, any], int32, are among those of their row [B, any], int32; bool."""
    # One more than there are, for all above the others.
    above = tf.fill([tf.shape(excluded)[0], 1], tf.int32.max)
    ordered = tf.concat([tf.sort(excluded, axis=1), above], axis=1)
    place = tf.searchsorted(ordered, positions)
    return tf.equal(tf.gather(ordered, place, batch_dims=1), positions)


def _nothing(requests: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    shape = tf.stack([tf.size(requests), width])
    return tf.fill(shape, ranking.EXCLUDED_SCORE), tf.zeros(shape, tf.int32)
