"""Reads the trained towers out into what is served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.serving.context import QueryContext, query_features
from components.serving.indexes.choice import Requests
from components.serving.scorers import DotProductScorer, TowerScorer, VectorScorer
from components.serving.tensors import one_per_row
from components.serving.train_data import TrainData
from components.trainer.batches import Contexts
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.training import Training
from components.transform.graph import TransformGraph
from components.transform.preprocessing import UNKNOWN

_SAMPLED = 1_024
_SEED = 42


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
    biases = hyperparameters.members if hyperparameters.candidate_bias else 0
    if hyperparameters.reads_events:
        return TowerScorer(
            tower,
            candidate_vectors,
            biases,
            hyperparameters.reads_time,
            query_features if hyperparameters.query_features else (),
        )
    # Who is known by the id alone is known by a vector: a table answers faster than a tower.
    none = _nothing(queries)
    ids = QueryContext(tf.range(queries, dtype=tf.int64), none, none, none, {})
    return DotProductScorer(tower(ids).numpy(), candidate_vectors, training.counts, biases)


def sample_requests(scorer: VectorScorer, data: TrainData) -> Requests:
    """Requests to make an index for: some train events, and first somebody who is not known.

    Args:
        scorer: The scorer.
        data: What it was trained on, with history.
    """
    split, events = data.train_split, data.events
    chosen = np.random.default_rng(_SEED).permutation(len(split))[:_SAMPLED]
    context = Contexts(split).of(tf.constant(chosen, tf.int64)).context
    # As in serving: all that is known is left out, not what came before the event alone.
    context = context._replace(seen=events.candidates_of(split.query[chosen]))
    column = {data.definition.query_id: one_per_row(tf.constant([""]))}
    features = query_features(TransformGraph(data.transform_graph)(column))
    none = _nothing(1)
    ages = none.with_values(tf.zeros([0]))
    unknown = QueryContext(tf.constant([UNKNOWN], tf.int64), none, ages, none, features)
    return Requests(
        np.concatenate([scorer.prepare(of).numpy() for of in (unknown, context)]),
        tf.concat([none, context.seen], axis=0),
        int(np.diff(events.splits).max(initial=0)),
    )


def _nothing(rows: int) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int64), tf.zeros(rows, tf.int64))


def _weights(tower: tf.Module) -> list[np.ndarray]:
    return [variable.numpy() for variable in tower.trainable_variables]
