"""The two-tower retrieval model as a `tfrs.Model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from components.trainer.hyperparameters import Hyperparameters
from components.trainer.towers import CandidateTower, QueryTower

Batch = tuple[tf.Tensor, tf.Tensor]

# The task's own code needs autograph (it takes `len` of a tensor); Keras' code around it does not,
# and converting that too costs more than a whole short training on TF 2.16.
_call_task = tf.autograph.to_graph(tfrs.tasks.Retrieval.call, recursive=False)


class TwoTowerModel(tfrs.Model):
    """Query tower, candidate tower and `tfrs.tasks.Retrieval`.

    Args:
        queries: Size of the query vocabulary.
        counts: Train events of each candidate [candidates], int64.
        features: Transformed features of the catalogue, see `CandidateTower`.
        hyperparameters: Of the model.
    """

    def __init__(
        self,
        queries: int,
        counts: np.ndarray,
        features: dict[str, np.ndarray],
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(name="two_tower_model")
        self._hyperparameters = hyperparameters
        self._sampling_probability = tf.constant((counts + 1) / (counts + 1).sum(), tf.float32)
        self.query_tower = QueryTower(queries, hyperparameters)
        self.candidate_tower = CandidateTower(counts, features, hyperparameters)
        self.task = tfrs.tasks.Retrieval(remove_accidental_hits=hyperparameters.logq_correction)

    def compute_loss(self, inputs: Batch, training: bool = False) -> tf.Tensor:
        """Softmax cross-entropy of a batch of positive pairs, summed over the batch.

        Args:
            inputs: Positions of queries [B] and of their candidates [B], int64.
            training: Whether to drop out.

        Returns:
            Scalar loss.
        """
        query, candidate = inputs
        query_vectors = self.query_tower(query)
        if training and self._hyperparameters.query_dropout:
            query_vectors = self._drop_out(query_vectors)
        probability = None
        if self._hyperparameters.logq_correction:
            probability = tf.gather(self._sampling_probability, candidate)
        return _call_task(
            self.task,
            query_vectors,
            self.candidate_tower(candidate),
            candidate_sampling_probability=probability,
            candidate_ids=candidate,
            compute_metrics=False,
        )

    def _drop_out(self, vectors: tf.Tensor) -> tf.Tensor:
        # Stateless: equal seeds must give equal models, compiled by XLA or not.
        width = self._hyperparameters.embedding_dimension
        seed = tf.stack(
            [
                tf.constant(self._hyperparameters.seed, tf.int64),
                tf.cast(self.optimizer.iterations, tf.int64),
            ]
        )
        dropped = tf.nn.experimental.stateless_dropout(
            vectors[:, :width], self._hyperparameters.query_dropout, seed=seed
        )
        return tf.concat([dropped, vectors[:, width:]], axis=1)

    def make_train_function(
        self, force: bool = False
    ) -> Callable[[Iterator[Batch]], dict[str, tf.Tensor]]:
        """The step that `fit` repeats: not rewritten by autograph.

        Autograph has nothing to convert here, and takes most of a short training on TF 2.16.
        """
        if force or getattr(self, "train_function", None) is None:
            step = tf.function(self.train_step, autograph=False)
            self.train_function = lambda iterator: step(next(iterator))
        return self.train_function
