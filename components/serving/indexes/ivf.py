"""An approximate index made of stock TensorFlow ops: lists of neighbours, some of which are read.

Shapes: B requests, N candidates, W width of a vector, L lists of S slots, P lists that are read.
"""

from __future__ import annotations

import tensorflow as tf

from components.serving.indexes.approximate import ApproximateIndex
from components.serving.indexes.inverted_lists import InvertedLists
from components.serving.scorers import VectorScorer, table


class InvertedFile(ApproximateIndex):
    """Reads the lists that promise the highest scores (IVF; Jegou, Douze and Schmid 2011).

    A list promises the score of its mean vector, and `spread` times the standard deviation of the
    scores in it, coordinates taken as independent. Scores are exact.

    Args:
        scorer: What scores candidates.
        candidates: N.
        inverted_lists: The lists.
        probes: P.
        spread: See above.
        most_excluded: See `ApproximateIndex`.
    """

    def __init__(
        self,
        scorer: VectorScorer,
        candidates: int,
        inverted_lists: InvertedLists,
        probes: int,
        spread: float,
        most_excluded: int,
    ) -> None:
        super().__init__(scorer, candidates, most_excluded)
        self._probes, self._spread = probes, spread
        self._always = inverted_lists.always
        self._slots = inverted_lists.candidate.shape[1]
        # A list is one row, so that reading it is one copy.
        self.vectors = table(inverted_lists.vectors.reshape(len(inverted_lists.vectors), -1))
        self.candidate = table(inverted_lists.candidate)
        self.means = table(inverted_lists.means)
        self.variances = table(inverted_lists.variances)

    def look_up(self, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `ApproximateIndex`."""
        promise = tf.matmul(vectors, self.means, transpose_b=True)
        variance = tf.matmul(tf.square(vectors), self.variances, transpose_b=True)
        promise += self._spread * tf.sqrt(variance)
        _, chosen = tf.math.top_k(
            promise[:, self._always :], self._probes - self._always, sorted=False
        )
        first = tf.broadcast_to(tf.range(self._always), [tf.shape(vectors)[0], self._always])
        chosen = tf.concat([first, chosen + self._always], axis=1)
        slots = self._probes * self._slots
        read = tf.reshape(tf.gather(self.vectors, chosen), [-1, slots, self.means.shape[1]])
        scores = tf.linalg.matvec(read, vectors)
        return scores, tf.reshape(tf.gather(self.candidate, chosen), [-1, slots])
