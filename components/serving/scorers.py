"""How a served model scores: by a dot product, or by the neighbours of what a query saw.

Shapes: D distinct queries, Q known queries, N candidates, W width of a vector. A query's row is its
position in the query vocabulary, Q for a query that is not in it: such a one gets the popular
candidates.
"""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from components.serving.seen import SeenCandidates


class Scorer(tf.Module, abc.ABC):
    """Scores candidates in blocks.

    Attributes:
        unknown: The row that stands for every unknown query.
    """

    unknown: int

    @abc.abstractmethod
    def prepare(self, row: tf.Tensor) -> Any:
        """What is needed of some queries, whatever the block.

        Args:
            row: Rows of queries [D], int64.

        Returns:
            Tensors, for the other methods to take.
        """

    @abc.abstractmethod
    def scores(self, prepared: Any, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Scores [D, stop - start], float32, of the candidates from `start` to `stop`."""

    @abc.abstractmethod
    def query_norms(self, prepared: Any) -> tf.Tensor:
        """Euclidean norm of what stands for each query [D], float32."""

    @abc.abstractmethod
    def candidate_norms(self) -> tf.Tensor:
        """Euclidean norm of what stands for each candidate [N], float32."""


class DotProductScorer(Scorer):
    """Scores by the dot product of two tables of vectors.

    The last coordinate of each vector is popularity: 0 for a known query, 1 (and all else 0) for
    the unknown one.

    Args:
        query_vectors: Vectors of the known queries [Q, W], float32.
        candidate_vectors: Vectors of the catalogue [N, W], float32.
        counts: Train events of each candidate [N].
    """

    def __init__(
        self, query_vectors: np.ndarray, candidate_vectors: np.ndarray, counts: np.ndarray
    ) -> None:
        super().__init__(name="dot_product_scorer")
        self.unknown = len(query_vectors)
        queries = np.pad(query_vectors, [(0, 1), (0, 1)])
        queries[-1, -1] = 1
        popularity = np.log1p(counts)[:, None]
        # Variables, not constants: a graph may not exceed 2 GB.
        self.query_vectors = table(queries.astype(np.float32))
        self.candidate_vectors = table(
            np.concatenate([candidate_vectors, popularity], axis=1).astype(np.float32)
        )

    def prepare(self, row: tf.Tensor) -> tf.Tensor:
        """Vectors of queries [D, W]."""
        return tf.gather(self.query_vectors, row)

    def scores(self, prepared: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Dot products."""
        return tf.matmul(prepared, self.candidate_vectors[start:stop], transpose_b=True)

    def query_norms(self, prepared: tf.Tensor) -> tf.Tensor:
        """Norms of the vectors."""
        return tf.norm(prepared, axis=1)

    def candidate_norms(self) -> tf.Tensor:
        """Norms of the vectors."""
        return tf.norm(self.candidate_vectors, axis=1)


class NeighbourScorer(Scorer):
    """Scores a candidate by the similarity of those of its neighbours that the query saw, summed.

    The histories of the distinct queries of a batch are held as a dense matrix [N, D].

    Args:
        seen: Who saw what in train.
        neighbours: Positions of each candidate's neighbours [N, K], int64.
        similarities: Similarity of each of them [N, K], float32.
        counts: Train events of each candidate [N].
    """

    def __init__(
        self,
        seen: SeenCandidates,
        neighbours: np.ndarray,
        similarities: np.ndarray,
        counts: np.ndarray,
    ) -> None:
        super().__init__(name="neighbour_scorer")
        self.unknown = len(seen.splits) - 1
        self.history = table(seen.candidate)
        self.history_splits = table(np.append(seen.splits, seen.splits[-1:]))
        self.neighbours = table(neighbours)
        self.similarities = table(similarities.astype(np.float32))
        self.popularity = table(np.log1p(counts).astype(np.float32))

    def prepare(self, row: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ones where a candidate is in a query's history [N, D], and who is unknown [D]."""
        history = tf.RaggedTensor.from_row_splits(self.history, self.history_splits, validate=False)
        seen = tf.gather(history, row)
        places = tf.stack([seen.values, seen.value_rowids()], axis=1)
        shape = tf.stack([tf.shape(self.popularity, tf.int64)[0], tf.shape(row, tf.int64)[0]])
        return {
            "history": tf.scatter_nd(places, tf.ones_like(seen.values, tf.float32), shape),
            "unknown": row == self.unknown,
        }

    def scores(
        self, prepared: dict[str, tf.Tensor], start: tf.Tensor, stop: tf.Tensor
    ) -> tf.Tensor:
        """Summed similarities."""
        neighbours = self.neighbours[start:stop]
        size, width = tf.unstack(tf.shape(neighbours, tf.int64))
        places = tf.stack([tf.repeat(tf.range(size), width), tf.reshape(neighbours, [-1])], axis=1)
        shape = tf.stack([size, tf.shape(self.popularity, tf.int64)[0]])
        similarities = tf.SparseTensor(
            places, tf.reshape(self.similarities[start:stop], [-1]), shape
        )
        summed = tf.transpose(tf.sparse.sparse_dense_matmul(similarities, prepared["history"]))
        return tf.where(prepared["unknown"][:, None], self.popularity[start:stop], summed)

    def query_norms(self, prepared: dict[str, tf.Tensor]) -> tf.Tensor:
        """Norms of the histories; 1 for the unknown query."""
        return tf.where(prepared["unknown"], 1.0, tf.norm(prepared["history"], axis=0))

    def candidate_norms(self) -> tf.Tensor:
        """Norms of the similarities."""
        return tf.norm(self.similarities, axis=1)


def table(values: np.ndarray) -> tf.Variable:
    """A constant that is saved beside the graph instead of in it."""
    return tf.Variable(values, trainable=False, dtype=tf.string if values.dtype == object else None)
