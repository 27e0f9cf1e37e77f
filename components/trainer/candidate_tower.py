"""The candidate tower. Shapes: B candidates, N of the catalogue, D = embedding_dimension.

Towers end in D coordinates, plus one if candidates have a bias: there the query tower says 1 and
the candidate tower its bias, so that one dot product serves training and any index.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.trainer import initial_weights
from components.trainer.hyperparameters import Hyperparameters


class CandidateTower(tf.Module):
    """Maps positions in the candidate vocabulary to vectors.

    Args:
        popularity: Share of each candidate in the train events [N], which starts the bias; none is
            zero.
        features: Features of the catalogue [N, F], see `candidate_features`; None to read none.
        hyperparameters: Of the model.
    """

    def __init__(
        self,
        popularity: np.ndarray,
        features: tf.Variable | None,
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(name="candidate_tower")
        width, seed = hyperparameters.embedding_dimension, hyperparameters.seed
        self.embedding = initial_weights.normal(
            "candidate_embedding", (len(popularity), width), initial_weights.EMBEDDING, seed
        )
        self._features = features
        if features is not None:
            self.feature_vectors = initial_weights.normal(
                "feature_vectors", (features.shape[1], width), initial_weights.FEATURE, seed
            )
        self.bias = None
        if hyperparameters.candidate_bias:
            self.bias = tf.Variable(np.log(popularity), dtype=tf.float32, name="candidate_bias")

    def __call__(self, candidate: tf.Tensor) -> tf.Tensor:
        """Vectors of some candidates.

        Args:
            candidate: Positions [B], int64, each inside the vocabulary.

        Returns:
            Vectors [B, D] or, with a bias coordinate, [B, D + 1], float32.
        """
        return self._vectors(lambda values: tf.gather(values, candidate))

    def catalogue(self) -> tf.Tensor:
        """Vectors of all candidates [N, D] or [N, D + 1], float32."""
        return self._vectors(tf.convert_to_tensor)

    def _vectors(self, rows_of: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        vectors = rows_of(self.embedding)
        if self._features is not None:
            vectors += tf.matmul(rows_of(self._features), self.feature_vectors)
        if self.bias is None:
            return vectors
        return tf.concat([vectors, rows_of(self.bias)[:, None]], axis=1)
