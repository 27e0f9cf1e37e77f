"""Reads the trained towers out into the tables that are served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.serving.scorers import DotProductScorer
from components.trainer.training import Training


def build_scorer(training: Training, queries: int) -> DotProductScorer:
    """The scorer of a fitted model.

    Args:
        training: The fitted model.
        queries: Size of the query vocabulary.

    Raises:
        ValueError: A vector is not finite: the training diverged.
    """
    candidates = tf.range(len(training.counts), dtype=tf.int64)
    query_vectors = training.model.query_tower(tf.range(queries, dtype=tf.int64)).numpy()
    candidate_vectors = training.model.candidate_tower(candidates).numpy()
    for name, vectors in (("query", query_vectors), ("candidate", candidate_vectors)):
        if not np.isfinite(vectors).all():
            raise ValueError(
                f"the training diverged: a {name} vector is not finite; lower the learning rate"
            )
    return DotProductScorer(query_vectors, candidate_vectors, training.counts)
