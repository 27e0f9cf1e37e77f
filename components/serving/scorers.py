"""How a served model scores: by a dot product, or by the neighbours of what a query saw.

Shapes: D distinct requests, Q known queries, N candidates, W width of a vector. Whom a scorer knows
nothing of gets the popular candidates.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from components.serving.context import QueryContext, row_numbers
from components.transform.preprocessing import UNKNOWN


class Scorer(tf.Module, abc.ABC):
    """Scores candidates in blocks.

    Attributes:
        reads_history: Whether scores depend on the events before the request and their ages, and
            not on the query and what it has seen alone.
        query_features: Names of the raw query features that scores depend on.
    """

    reads_history: bool = False
    query_features: tuple[str, ...] = ()

    @abc.abstractmethod
    def prepare(self, context: QueryContext) -> Any:
        """What is needed of some requests, whatever the block.

        Args:
            context: D requests.

        Returns:
            Tensors, for the other methods to take.
        """

    @abc.abstractmethod
    def scores(self, prepared: Any, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Scores [D, stop - start], float32, of the candidates from `start` to `stop`."""

    @abc.abstractmethod
    def query_norms(self, prepared: Any) -> tf.Tensor:
        """Euclidean norm of what stands for each request [D], float32."""

    @abc.abstractmethod
    def candidate_norms(self) -> tf.Tensor:
        """Euclidean norm of what stands for each candidate [N], float32."""


class VectorScorer(Scorer):
    """Scores by the dot product with a table of candidate vectors.

    Args:
        candidate_vectors: Vectors of the catalogue [N, W], float32.
        biases: How many of the last coordinates tell how popular a candidate is, not what it is.
    """

    def __init__(self, candidate_vectors: np.ndarray, biases: int) -> None:
        super().__init__()
        # A variable, not a constant: a graph may not exceed 2 GB.
        self.candidate_vectors = table(candidate_vectors.astype(np.float32))
        self._described = candidate_vectors.shape[1] - biases

    def scores(self, prepared: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Dot products."""
        return tf.matmul(prepared, self.candidate_vectors[start:stop], transpose_b=True)

    def query_norms(self, prepared: tf.Tensor) -> tf.Tensor:
        """Norms of the vectors."""
        return tf.norm(prepared, axis=1)

    def candidate_norms(self) -> tf.Tensor:
        """Norms of the vectors."""
        return tf.norm(self.candidate_vectors, axis=1)

    def directions(self, position: tf.Tensor) -> tf.Tensor:
        """Vectors of candidates without their biases, of length 1, float32.

        Args:
            position: Positions of candidates, int64, of any shape; the vectors come last.
        """
        vectors = tf.gather(self.candidate_vectors, position)
        return tf.math.l2_normalize(vectors[..., : self._described], axis=-1)

    def similarities(self, position: tf.Tensor) -> tf.Tensor:
        """Cosines of candidates with all others, biases left out [B, N], float32.

        Args:
            position: Positions of candidates [B], int64.
        """
        everything = tf.range(tf.shape(self.candidate_vectors)[0])
        return tf.matmul(self.directions(position), self.directions(everything), transpose_b=True)


class DotProductScorer(VectorScorer):
    """Scores by the dot product of two tables of vectors: it knows queries by their id alone.

    The last coordinate of each vector is popularity: 0 for a known query, 1 (and all else 0) for
    the unknown one.

    Args:
        query_vectors: Vectors of the known queries [Q, W], float32.
        candidate_vectors: Vectors of the catalogue [N, W], float32.
        counts: Train events of each candidate [N].
        biases: See `VectorScorer`, of the vectors that are given.
    """

    def __init__(
        self,
        query_vectors: np.ndarray,
        candidate_vectors: np.ndarray,
        counts: np.ndarray,
        biases: int = 0,
    ) -> None:
        popularity = np.log1p(counts)[:, None]
        super().__init__(np.concatenate([candidate_vectors, popularity], axis=1), biases + 1)
        queries = np.pad(query_vectors, [(0, 1), (0, 1)])
        queries[-1, -1] = 1
        self.query_vectors = table(queries.astype(np.float32))
        self._unknown = len(query_vectors)

    def prepare(self, context: QueryContext) -> tf.Tensor:
        """Vectors of queries [D, W + 1]."""
        unknown = tf.constant(self._unknown, tf.int64)
        return tf.gather(
            self.query_vectors, tf.where(context.query == UNKNOWN, unknown, context.query)
        )


class TowerScorer(VectorScorer):
    """Scores by the dot product of a query tower's output with a table of candidate vectors.

    Args:
        query_tower: Module that maps a `QueryContext` of D requests to vectors [D, W], float32.
        candidate_vectors: Vectors of the catalogue [N, W], float32.
        biases: See `VectorScorer`.
        reads_history: See `Scorer`.
        query_features: See `Scorer`.
    """

    def __init__(
        self,
        query_tower: Callable[[QueryContext], tf.Tensor],
        candidate_vectors: np.ndarray,
        biases: int,
        reads_history: bool,
        query_features: tuple[str, ...],
    ) -> None:
        super().__init__(candidate_vectors, biases)
        self.query_tower = query_tower
        self.reads_history = reads_history
        self.query_features = query_features

    def prepare(self, context: QueryContext) -> tf.Tensor:
        """Vectors of requests [D, W]."""
        return self.query_tower(context)


class NeighbourScorer(Scorer):
    """Scores a candidate by the similarity of those of its neighbours that the query saw, summed.

    The histories of the requests of a batch are held as a dense matrix [N, D].

    Args:
        neighbours: Positions of each candidate's neighbours [N, K], int64.
        similarities: Similarity of each of them [N, K], float32.
        counts: Train events of each candidate [N].
        decay: Time in seconds after which an event counts exp(-1) of what it counted at first, and
            only events before the request count; None to count all that was seen alike.
    """

    def __init__(
        self,
        neighbours: np.ndarray,
        similarities: np.ndarray,
        counts: np.ndarray,
        decay: float | None = None,
    ) -> None:
        super().__init__()
        self.reads_history = decay is not None
        self._decay = decay
        self.neighbours = table(neighbours)
        self.similarities = table(similarities.astype(np.float32))
        self.popularity = table(np.log1p(counts).astype(np.float32))

    def prepare(self, context: QueryContext) -> tf.Tensor:
        """Weight of each candidate among a request's events [N, D], float32."""
        if self._decay is None:
            events, weights = context.seen, tf.ones_like(context.seen.values, tf.float32)
        else:
            events, weights = context.history, tf.exp(-context.ages.values / self._decay)
        inside = events.values >= 0
        places = tf.stack([events.values, row_numbers(events)], axis=1)
        shape = tf.stack([tf.shape(self.popularity, tf.int64)[0], events.nrows()])
        return tf.tensor_scatter_nd_max(
            tf.zeros(shape), tf.boolean_mask(places, inside), tf.boolean_mask(weights, inside)
        )

    def scores(self, prepared: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """Summed similarities."""
        neighbours = self.neighbours[start:stop]
        size, width = tf.unstack(tf.shape(neighbours, tf.int64))
        places = tf.stack([tf.repeat(tf.range(size), width), tf.reshape(neighbours, [-1])], axis=1)
        shape = tf.stack([size, tf.shape(self.popularity, tf.int64)[0]])
        similarities = tf.SparseTensor(
            places, tf.reshape(self.similarities[start:stop], [-1]), shape
        )
        summed = tf.transpose(tf.sparse.sparse_dense_matmul(similarities, prepared))
        return tf.where(_is_empty(prepared)[:, None], self.popularity[start:stop], summed)

    def query_norms(self, prepared: tf.Tensor) -> tf.Tensor:
        """Norms of the weights; 1 where there are none."""
        return tf.where(_is_empty(prepared), 1.0, tf.norm(prepared, axis=0))

    def candidate_norms(self) -> tf.Tensor:
        """Norms of the similarities."""
        return tf.norm(self.similarities, axis=1)


def table(values: np.ndarray) -> tf.Variable:
    """A constant that is saved beside the graph instead of in it."""
    return tf.Variable(values, trainable=False, dtype=tf.string if values.dtype == object else None)


def _is_empty(weights: tf.Tensor) -> tf.Tensor:
    """Who has no event of any weight [D], bool."""
    return tf.reduce_max(weights, axis=0) <= 0
