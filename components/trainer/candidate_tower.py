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
        features: Transformed features of the catalogue by name, each [N] (buckets) or [N, labels]
            (multi-hot).
        hyperparameters: Of the model.
    """

    def __init__(
        self,
        popularity: np.ndarray,
        features: dict[str, np.ndarray],
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(name="candidate_tower")
        width, seed = hyperparameters.embedding_dimension, hyperparameters.seed
        shape = (len(popularity), width)
        self.embedding = initial_weights.normal(
            "candidate_embedding", shape, initial_weights.EMBEDDING, seed
        )
        self._features: dict[str, tf.Tensor] = {}
        self.feature_vectors: dict[str, tf.Variable] = {}
        for name, values in sorted(features.items()):
            if not hyperparameters.candidate_features:
                break
            one_hot = values if values.ndim == 2 else np.eye(values.max() + 1)[values]
            self._features[name] = tf.constant(one_hot, tf.float32)
            self.feature_vectors[name] = initial_weights.normal(
                name, (one_hot.shape[1], width), initial_weights.FEATURE, seed
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
        for name, kernel in self.feature_vectors.items():
            vectors += tf.matmul(rows_of(self._features[name]), kernel)
        if self.bias is None:
            return vectors
        return tf.concat([vectors, rows_of(self.bias)[:, None]], axis=1)
