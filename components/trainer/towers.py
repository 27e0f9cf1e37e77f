"""The two towers. Shapes: B queries or candidates in a batch, D = embedding_dimension.

Both towers end in D coordinates, plus one if the candidates have a bias: there the query tower says
1 and the candidate tower its bias, so that one dot product serves training and any index.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras

from components.trainer.hyperparameters import Hyperparameters

_INITIAL_STANDARD_DEVIATION = 0.05


class QueryTower(tf_keras.Model):
    """Maps positions in the query vocabulary to vectors.

    Args:
        queries: Size of the query vocabulary.
        hyperparameters: Of the model.
    """

    def __init__(self, queries: int, hyperparameters: Hyperparameters) -> None:
        super().__init__(name="query_tower")
        self._hyperparameters = hyperparameters
        self.embedding = tf_keras.layers.Embedding(
            queries,
            hyperparameters.embedding_dimension,
            embeddings_initializer=_initializer(hyperparameters, seed_offset=0),
            name="query_embedding",
        )

    def call(self, query: tf.Tensor) -> tf.Tensor:
        """Vectors of queries.

        Args:
            query: Positions [B], int64, each inside the vocabulary.

        Returns:
            Vectors [B, D] or, with a bias coordinate, [B, D + 1], float32.
        """
        vector = self.embedding(query)
        if self._hyperparameters.candidate_bias:
            return tf.concat([vector, tf.ones_like(vector[:, :1])], axis=1)
        return vector


class CandidateTower(tf_keras.Model):
    """Maps positions in the candidate vocabulary to vectors.

    Args:
        counts: Train events of each candidate [candidates], which start the bias.
        features: Transformed features of the catalogue by name, each [candidates] (buckets) or
            [candidates, labels] (multi-hot).
        hyperparameters: Of the model.
    """

    def __init__(
        self,
        counts: np.ndarray,
        features: dict[str, np.ndarray],
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(name="candidate_tower")
        self._hyperparameters = hyperparameters
        dimension = hyperparameters.embedding_dimension
        self.embedding = tf_keras.layers.Embedding(
            len(counts),
            dimension,
            embeddings_initializer=_initializer(hyperparameters, seed_offset=1),
            name="candidate_embedding",
        )
        self._features: dict[str, tf.Tensor] = {}
        self._feature_layers: dict[str, tf_keras.layers.Layer] = {}
        for offset, (name, values) in enumerate(sorted(features.items())):
            if not hyperparameters.candidate_features:
                break
            one_hot = values if values.ndim == 2 else np.eye(values.max() + 1)[values]
            self._features[name] = tf.constant(one_hot, tf.float32)
            self._feature_layers[name] = tf_keras.layers.Dense(
                dimension,
                use_bias=False,
                kernel_initializer=_initializer(hyperparameters, seed_offset=2 + offset),
                name=name,
            )
        self.bias = None
        if hyperparameters.candidate_bias:
            # One more event each: a candidate never seen in train has a finite logarithm.
            popularity = np.log((counts + 1) / (counts + 1).sum())
            self.bias = tf_keras.layers.Embedding(
                len(counts),
                1,
                embeddings_initializer=tf_keras.initializers.Constant(popularity[:, None]),
                name="candidate_bias",
            )

    def call(self, candidate: tf.Tensor) -> tf.Tensor:
        """Vectors of candidates.

        Args:
            candidate: Positions [B], int64, each inside the vocabulary.

        Returns:
            Vectors [B, D] or, with a bias coordinate, [B, D + 1], float32.
        """
        vector = self.embedding(candidate)
        for name, layer in self._feature_layers.items():
            vector += layer(tf.gather(self._features[name], candidate))
        if self.bias is not None:
            return tf.concat([vector, self.bias(candidate)], axis=1)
        return vector


def _initializer(
    hyperparameters: Hyperparameters, seed_offset: int
) -> tf_keras.initializers.Initializer:
    return tf_keras.initializers.RandomNormal(
        stddev=_INITIAL_STANDARD_DEVIATION, seed=hyperparameters.seed + seed_offset
    )
