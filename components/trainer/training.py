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
from components.serving.query_events import QueryEvents
from components.trainer import distribution
from components.trainer.batches import Contexts, training_batches
from components.trainer.checkpoints import EpochCheckpoints
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.model import TwoTowerModel
from components.trainer.optimizer import optimizer_of
from components.transform.reading import CandidateTable, Interactions

VALID_METRIC = "valid_unseen_top_100_accuracy"
_VALID_K = 100
_SECONDS_PER_DAY = 24 * 3600
_RANKING_BATCH = 2048


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
    events: QueryEvents,
    feature_widths: dict[str, int],
    hyperparameters: Hyperparameters,
    log_folder: str,
    checkpoint_folder: str | None = None,
) -> Training:
    """Fits the model; equal arguments give equal weights.

    Args:
        train_split: Positive pairs to learn from.
        valid_split: Positive pairs to choose the epoch by.
        candidates: The catalogue.
        events: What is known of each query.
        feature_widths: Number of labels or buckets of each transformed query feature, by name.
        hyperparameters: Of model and training.
        log_folder: Where TensorBoard finds the training curve.
        checkpoint_folder: Where each epoch leaves a checkpoint, and where this goes on from one
            that is there; None for no checkpoints.
    """
    started = time.monotonic()
    tf_keras.utils.set_random_seed(hyperparameters.seed)
    counts = np.bincount(train_split.candidate, minlength=len(candidates))
    weights = event_weights(train_split.time, hyperparameters.recency_days)
    # One more event each: a candidate never seen in train has a finite logarithm.
    popularity = np.bincount(train_split.candidate, weights, len(candidates)) + 1

    def build() -> TwoTowerModel:
        return TwoTowerModel(
            events.queries,
            counts,
            popularity / popularity.sum(),
            candidates.features,
            feature_widths,
            hyperparameters,
        )

    batch_size = min(hyperparameters.batch_size, len(train_split))
    steps = len(train_split) // batch_size
    strategy = distribution.strategy_of(hyperparameters.distribution)
    distribution.require_even_parts(strategy, batch_size)
    with strategy.scope():
        model = build()
        # An epoch is one call: between two calls Python would take a tenth of the time of a step.
        at_once = steps if strategy.num_replicas_in_sync == 1 else 1
        model.compile(optimizer=optimizer_of(hyperparameters, steps), steps_per_execution=at_once)
        # With every variable in place the step is traced once instead of twice.
        model.optimizer.build(model.trainable_variables)
    early_stopping = None
    if hyperparameters.patience:
        early_stopping = tf_keras.callbacks.EarlyStopping(
            VALID_METRIC,
            mode="max",
            patience=hyperparameters.patience,
            restore_best_weights=True,
        )
    checkpoints = EpochCheckpoints(
        model, checkpoint_folder, early_stopping, distribution.is_chief(strategy)
    )
    checkpoints.restore()
    progress = checkpoints.progress
    tensorboard = tf_keras.callbacks.TensorBoard(log_folder, write_graph=False)
    batches = training_batches(
        train_split,
        events,
        weights,
        batch_size,
        hyperparameters.returning_share,
        hyperparameters.unread_share,
        hyperparameters.seed,
        progress.epochs,
        strategy.num_replicas_in_sync,
    )
    model.fit(
        distribution.dealt_out(strategy, batches),
        initial_epoch=progress.epochs,
        epochs=progress.epochs if progress.stopped else hyperparameters.epochs,
        steps_per_epoch=steps,
        callbacks=[
            callback
            for callback in (ValidAccuracy(valid_split), early_stopping, checkpoints, tensorboard)
            if callback
        ],
        verbose=0,
    )
    return Training(
        model=distribution.on_one_device(strategy, model, build),
        counts=counts,
        history=progress.history,
        seconds=time.monotonic() - started,
    )


def valid_accuracy(history: dict[str, list[float]], hyperparameters: Hyperparameters) -> float:
    """The valid metric of the weights that a training ends with.

    Args:
        history: Of the training.
        hyperparameters: Of the training: one that may stop early ends with its best epoch, whether
            it was stopped or not.
    """
    valid = history[VALID_METRIC]
    return max(valid) if hyperparameters.patience else valid[-1]


def event_weights(times: np.ndarray, recency_days: float) -> np.ndarray:
    """What each train event counts [n], float32: 1 on average.

    Args:
        times: When each happened [n], int64, in seconds.
        recency_days: See `Hyperparameters`.
    """
    if not recency_days:
        return np.ones(len(times), np.float32)
    weights = np.exp((times - times.max()) / (recency_days * _SECONDS_PER_DAY))
    return np.asarray(weights / weights.mean(), np.float32)


class ValidAccuracy(tf_keras.callbacks.Callback):
    """Logs `VALID_METRIC` after each epoch: the share of pairs ranked within 100, seen excluded.

    Args:
        split: The valid split.
    """

    def __init__(self, split: Interactions) -> None:
        super().__init__()
        self._size = len(split)
        self._contexts = Contexts(split)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the metric to the epoch's logs."""
        assert logs is not None
        vectors = self.model.candidate_tower.catalogue()
        hits, hits_of_all = 0, 0
        for start in range(0, self._size, _RANKING_BATCH):
            rows = tf.range(start, min(start + _RANKING_BATCH, self._size), dtype=tf.int64)
            context, candidate, *_ = self._contexts.of(rows)
            ranks = ranking.rank_candidates(
                functools.partial(_scores, self.model.query_tower(context), vectors),
                len(vectors),
                rows - start,
                candidate,
                context.seen,
            )
            hits += _hits(ranks.unseen_rank)
            hits_of_all += _hits(ranks.rank)
        logs[VALID_METRIC] = hits / self._size
        logs["valid_top_100_accuracy"] = hits_of_all / self._size
        logging.info("epoch %d: %s", epoch + 1, {k: round(float(v), 4) for k, v in logs.items()})


def _scores(
    queries: tf.Tensor, candidates: tf.Tensor, start: tf.Tensor, stop: tf.Tensor
) -> tf.Tensor:
    return tf.matmul(queries, candidates[start:stop], transpose_b=True)


def _hits(ranks: tf.Tensor) -> int:
    within = (ranks != ranking.MISS) & (ranks <= _VALID_K)
    return int(tf.reduce_sum(tf.cast(within, tf.int64)))
