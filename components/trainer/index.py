"""Reads the trained towers out into what is served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.serving.context import QueryContext
from components.serving.scorers import DotProductScorer, TowerScorer, VectorScorer
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.training import Training


def build_scorer(
    training: Training,
    queries: int,
    hyperparameters: Hyperparameters,
    query_features: tuple[str, ...],
) -> VectorScorer:
    """The scorer of a fitted model.

    Args:
        training: The fitted model.
        queries: Size of the query vocabulary.
        hyperparameters: Of the model.
        query_features: Names of the raw query features that a tower can read.

    Raises:
        ValueError: A vector is not finite: the training diverged.
    """
    tower = training.model.query_tower
    candidate_vectors = training.model.candidate_tower.catalogue().numpy()
    if not all(np.isfinite(values).all() for values in (candidate_vectors, *_weights(tower))):
        raise ValueError("the training diverged: a weight is not finite; lower the learning rate")
    biases = int(hyperparameters.candidate_bias)
    if hyperparameters.reads_events:
        return TowerScorer(
            tower,
            candidate_vectors,
            biases,
            hyperparameters.reads_time,
            query_features if hyperparameters.query_features else (),
        )
    # Who is known by the id alone is known by a vector: a table answers faster than a tower.
    none = tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int64), tf.zeros(queries, tf.int64))
    ids = QueryContext(tf.range(queries, dtype=tf.int64), none, none, none, {})
    return DotProductScorer(tower(ids).numpy(), candidate_vectors, training.counts, biases)


def _weights(tower: tf.Module) -> list[np.ndarray]:
    return [variable.numpy() for variable in tower.trainable_variables]
