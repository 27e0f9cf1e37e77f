"""The preprocessing_fn: one TensorFlow Transform graph for training, evaluation and serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.datasets.definition import DatasetDefinition
from components.datasets.movielens import MOVIELENS

# Names of transformed features.
QUERY = "query"
CANDIDATE = "candidate"

# Names of vocabularies inside the transform graph.
QUERY_VOCABULARY = "queries"
CANDIDATE_VOCABULARY = "candidates"

# What an id outside its vocabulary becomes; rows of tables are never looked up with it.
UNKNOWN = -1

DEFINITION: DatasetDefinition = MOVIELENS


def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, Any]:
    """Maps raw columns to transformed features.

    Args:
        inputs: Raw columns by name, each a SparseTensor [batch, values].

    Returns:
        `query` int64 [batch] and `candidate` int64 [batch]: positions in their vocabularies, or
        `UNKNOWN`; and one feature `query_<name>` or `candidate_<name>` for each query or candidate
        feature with labels (multi-hot float32 [batch, labels]) or boundaries (bucket int64 [batch],
        the last one for "missing").
    """
    candidates = tft.vocabulary(
        inputs[DEFINITION.candidate_key], vocab_filename=CANDIDATE_VOCABULARY
    )
    queries = tft.vocabulary(inputs[DEFINITION.query_id], vocab_filename=QUERY_VOCABULARY)

    def look_up(column: tf.SparseTensor, vocabulary: Any) -> tf.SparseTensor:
        return tft.apply_vocabulary(column, vocabulary, default_value=UNKNOWN)

    outputs: dict[str, Any] = {
        QUERY: _single(look_up(inputs[DEFINITION.query_id], queries), UNKNOWN),
        CANDIDATE: _single(look_up(inputs[DEFINITION.candidate_key], candidates), UNKNOWN),
    }
    sides = {QUERY: DEFINITION.query_features, CANDIDATE: DEFINITION.candidate_features}
    for side, features in sides.items():
        for name, feature in features.items():
            if feature.labels:
                outputs[f"{side}_{name}"] = _multi_hot(inputs[name], len(feature.labels))
            elif feature.boundaries:
                outputs[f"{side}_{name}"] = _bucket(inputs[name], feature.boundaries)
    return outputs


def query_feature_widths() -> dict[str, int]:
    """Number of labels or buckets of each transformed query feature, by its name."""
    features = {name: DEFINITION.query_features[name] for name in DEFINITION.context_features()}
    return {
        # The last bucket but one ends nowhere, the last one is for missing values.
        f"{QUERY}_{name}": len(feature.labels) or len(feature.boundaries) + 2
        for name, feature in features.items()
    }


def _single(column: tf.SparseTensor, missing: int) -> tf.Tensor:
    """The one value of each row [batch], `missing` where a row has none."""
    shape = tf.stack([tf.shape(column, tf.int64)[0], tf.constant(1, tf.int64)])
    first = tf.SparseTensor(column.indices, column.values, shape)
    return tf.squeeze(tf.sparse.to_dense(first, default_value=missing), axis=1)


def _multi_hot(column: tf.SparseTensor, labels: int) -> tf.Tensor:
    """Ones at the values of each row [batch, labels], float32."""
    row = column.indices[:, 0]
    places = tf.stack([row, column.values], axis=1)
    shape = tf.stack([tf.shape(column, tf.int64)[0], tf.constant(labels, tf.int64)])
    return tf.minimum(tf.scatter_nd(places, tf.ones_like(row, tf.float32), shape), 1.0)


def _bucket(column: tf.SparseTensor, boundaries: tuple[float, ...]) -> tf.Tensor:
    """Number of boundaries at or below the value [batch]; one more bucket for missing values."""
    buckets = tf.searchsorted(
        tf.constant(boundaries, tf.float32), tf.cast(column.values, tf.float32), side="right"
    )
    return _single(column.with_values(tf.cast(buckets, tf.int64)), len(boundaries) + 1)
