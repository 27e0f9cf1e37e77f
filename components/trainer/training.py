"""Fits a `TwoTowerModel`, stopping early by the valid split alone."""

from __future__ import annotations

import dataclasses
import functools
import time

import numpy as np
import tensorflow as tf
import tf_keras
from absl import logging

from components.serving import ranking
from components.serving.seen import SeenCandidates
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.model import TwoTowerModel
from components.transform.reading import CandidateTable, Interactions

VALID_METRIC = "valid_unseen_top_100_accuracy"
_VALID_K = 100
_RANKING_BATCH = 2048
# Of the learning rate at its peak, after a cosine over all epochs.
_FINAL_LEARNING_RATE = 0.1


@dataclasses.dataclass(frozen=True)
class Training:
    """A fitted model and how it got there.

    Attributes:
        model: The model with its best weights.
        counts: Train events of each candidate [candidates], int64.
        history: Value per epoch of each logged figure.
        seconds: Duration of the fit.
    """

    model: TwoTowerModel
    counts: np.ndarray
    history: dict[str, list[float]]
    seconds: float


def train(
    train_split: Interactions,
    valid_split: Interactions,
    candidates: CandidateTable,
    seen: SeenCandidates,
    queries: int,
    hyperparameters: Hyperparameters,
    log_folder: str,
) -> Training:
    """Fits the model; equal arguments give equal weights.

    Args:
        train_split: Positive pairs to learn from.
        valid_split: Positive pairs to choose the epoch by.
        candidates: The catalogue.
        seen: Who saw what in train.
        queries: Size of the query vocabulary.
        hyperparameters: Of model and training.
        log_folder: Where TensorBoard finds the training curve.
    """
    started = time.monotonic()
    tf_keras.utils.set_random_seed(hyperparameters.seed)
    tf.config.experimental.enable_op_determinism()
    counts = np.bincount(train_split.candidate, minlength=len(candidates))
    model = TwoTowerModel(queries, counts, candidates.features, hyperparameters)
    batch_size = min(hyperparameters.batch_size, len(train_split))
    steps = len(train_split) // batch_size
    model.compile(optimizer=_optimizer(hyperparameters, steps))
    # With every variable in place the step is traced once instead of twice.
    nothing = tf.zeros([0], tf.int64)
    model.query_tower(nothing)
    model.candidate_tower(nothing)
    model.optimizer.build(model.trainable_variables)
    callbacks: list[tf_keras.callbacks.Callback] = [
        ValidAccuracy(valid_split, seen, len(candidates))
    ]
    if hyperparameters.patience:
        callbacks.append(
            tf_keras.callbacks.EarlyStopping(
                VALID_METRIC,
                mode="max",
                patience=hyperparameters.patience,
                restore_best_weights=True,
            )
        )
    callbacks.append(tf_keras.callbacks.TensorBoard(log_folder, write_graph=False))
    history = model.fit(
        shuffled_batches(train_split, batch_size, hyperparameters.seed),
        epochs=hyperparameters.epochs,
        steps_per_epoch=steps,
        callbacks=callbacks,
        verbose=0,
    )
    return Training(
        model=model,
        counts=counts,
        history={name: [float(v) for v in values] for name, values in history.history.items()},
        seconds=time.monotonic() - started,
    )


def shuffled_batches(interactions: Interactions, batch_size: int, seed: int) -> tf.data.Dataset:
    """Endless batches of (query, candidate), each pass in a new order; its remainder is left out.

    Whole index batches are shuffled and gathered: a per-element shuffle is many times slower.
    """
    query = tf.constant(interactions.query)
    candidate = tf.constant(interactions.candidate)
    steps = len(interactions) // batch_size

    def one_pass(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(interactions)), seed=tf.stack([tf.constant(seed, tf.int64), epoch])
        )
        return tf.data.Dataset.from_tensor_slices(
            tf.reshape(order[: steps * batch_size], [steps, batch_size])
        )

    return (
        tf.data.Dataset.range(tf.int64.max)
        .flat_map(one_pass)
        .map(lambda rows: (tf.gather(query, rows), tf.gather(candidate, rows)))
        .prefetch(2)
    )


class ValidAccuracy(tf_keras.callbacks.Callback):
    """Logs `VALID_METRIC` after each epoch: the share of pairs ranked within 100, seen excluded.

    Args:
        split: The valid split.
        seen: Who saw what in train.
        candidates: Size of the catalogue.
    """

    def __init__(self, split: Interactions, seen: SeenCandidates, candidates: int) -> None:
        super().__init__()
        self._split = split
        self._seen = seen
        self._candidates = tf.range(candidates, dtype=tf.int64)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the metric to the epoch's logs."""
        assert logs is not None
        vectors = self.model.candidate_tower(self._candidates)
        hits, hits_of_all = 0, 0
        for start in range(0, len(self._split), _RANKING_BATCH):
            batch = slice(start, start + _RANKING_BATCH)
            query, distinct = np.unique(self._split.query[batch], return_inverse=True)
            query_vectors = self.model.query_tower(tf.constant(np.maximum(query, 0)))
            query_vectors *= (query >= 0)[:, None]
            ranks = ranking.rank_candidates(
                functools.partial(_scores, query_vectors, vectors),
                len(vectors),
                tf.constant(distinct.ravel()),
                tf.constant(self._split.candidate[batch]),
                self._seen.of(query),
            )
            hits += _hits(ranks.unseen_rank)
            hits_of_all += _hits(ranks.rank)
        logs[VALID_METRIC] = hits / len(self._split)
        logs["valid_top_100_accuracy"] = hits_of_all / len(self._split)
        logging.info("epoch %d: %s", epoch + 1, {k: round(float(v), 4) for k, v in logs.items()})


def _scores(
    queries: tf.Tensor, candidates: tf.Tensor, start: tf.Tensor, stop: tf.Tensor
) -> tf.Tensor:
    return tf.matmul(queries, candidates[start:stop], transpose_b=True)


def _hits(ranks: tf.Tensor) -> int:
    within = (ranks != ranking.MISS) & (ranks <= _VALID_K)
    return int(tf.reduce_sum(tf.cast(within, tf.int64)))


def _optimizer(hyperparameters: Hyperparameters, steps: int) -> tf_keras.optimizers.Optimizer:
    if hyperparameters.optimizer == "adagrad":
        return tf_keras.optimizers.Adagrad(hyperparameters.learning_rate)
    schedule = tf_keras.optimizers.schedules.CosineDecay(
        hyperparameters.learning_rate, steps * hyperparameters.epochs, alpha=_FINAL_LEARNING_RATE
    )
    return tf_keras.optimizers.Adam(schedule)
