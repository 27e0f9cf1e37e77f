"""The two-tower retrieval model as a `tfrs.Model`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from components.serving.context import QueryContext, keep, row_numbers
from components.trainer import distribution
from components.trainer.candidate_features import side_by_side
from components.trainer.candidate_tower import CandidateTower
from components.trainer.ensemble import join, members
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.query_tower import QueryTower

# Catalogues above it are sampled where the softmax is `auto`: a step then costs too much.
MOST_FOR_FULL_SOFTMAX = 20_000

# The task's own code needs autograph (it takes `len` of a tensor); Keras' code around it does not,
# and converting that too costs more than a whole short training on TF 2.16.
_call_task = tf.autograph.to_graph(tfrs.tasks.Retrieval.call, recursive=False)


# The loss of one member of an ensemble, of its query vectors and its candidate tower.
_Loss = Callable[[tf.Tensor, CandidateTower], tf.Tensor]


class Batch(NamedTuple):
    """B positive pairs.

    Attributes:
        context: What is known when each happens; what is seen are all other train events.
        candidate: Positions of the candidates [B], int64.
        weight: What each pair counts in the loss [B], float32.
        elsewhere: Positions of the candidates of the batch's other pairs, which other devices
            have [any], int64; None where there are none.
        size: Number of the train events that each may read [B], int64, where it reads only some;
            None where it reads them all.
    """

    context: QueryContext
    candidate: tf.Tensor
    weight: tf.Tensor
    elsewhere: tf.Tensor | None = None
    size: tf.Tensor | None = None


class TwoTowerModel(tfrs.Model):
    """Query tower, candidate tower and `tfrs.tasks.Retrieval`.

    Args:
        queries: Size of the query vocabulary.
        counts: Train events of each candidate [N], int64.
        popularity: Share of each candidate in the train events [N], none of them zero, which
            starts the bias.
        candidate_features: Transformed features of the catalogue, see `side_by_side`.
        feature_widths: See `QueryTower`.
        hyperparameters: Of the model.
    """

    def __init__(
        self,
        queries: int,
        counts: np.ndarray,
        popularity: np.ndarray,
        candidate_features: dict[str, np.ndarray],
        feature_widths: dict[str, int],
        hyperparameters: Hyperparameters,
    ) -> None:
        super().__init__(name="two_tower_model")
        self._hyperparameters = hyperparameters
        self._candidates = len(counts)
        is_small = len(counts) <= MOST_FOR_FULL_SOFTMAX
        self.softmax = hyperparameters.softmax
        if self.softmax == "auto":
            self.softmax = "full" if is_small else "in_batch"
        self._sampling_probability = tf.constant((counts + 1) / (counts + 1).sum(), tf.float32)
        of_members = [
            dataclasses.replace(hyperparameters, seed=_seed_of_member(hyperparameters.seed, member))
            for member in range(hyperparameters.members)
        ]
        width = hyperparameters.embedding_dimension
        features = None
        if hyperparameters.candidate_features:
            features = side_by_side(candidate_features)
        self.query_tower = join(
            [
                QueryTower(
                    queries,
                    len(counts),
                    feature_widths,
                    features,
                    own,
                    sparse_gradients=not is_small,
                )
                for own in of_members
            ],
            width,
        )
        self.candidate_tower = join(
            [CandidateTower(popularity, features, own) for own in of_members], width
        )
        self.task = tfrs.tasks.Retrieval(
            remove_accidental_hits=self.softmax == "in_batch" and hyperparameters.logq_correction
        )

    def compute_loss(self, inputs: Batch, training: bool = False) -> tf.Tensor:
        """Softmax cross-entropy of positive pairs, weighted and summed over the batch.

        Args:
            inputs: The pairs.
            training: Whether to drop out.

        Returns:
            Scalar loss, of all members of an ensemble.
        """
        softmax = self._full_softmax if self.softmax == "full" else self._in_batch_softmax
        # What all members share: the masks, above all.
        loss_of = softmax(inputs)
        losses = []
        pairs = zip(members(self.query_tower), members(self.candidate_tower), strict=True)
        for member, (query_tower, candidate_tower) in enumerate(pairs):
            seed = None
            if training:
                # Stateless: equal seeds must give equal models.
                step = tf.cast(self.optimizer.iterations, tf.int64)
                own = _seed_of_member(self._hyperparameters.seed, member)
                seed = tf.stack([own + distribution.replica(), step * 4])
            query_vectors = query_tower(inputs.context, seed, inputs.size)
            losses.append(loss_of(query_vectors, candidate_tower))
        return tf.add_n(losses)

    def _full_softmax(self, inputs: Batch) -> _Loss:
        """The exact softmax over the catalogue.

        The task takes the positive of each pair first, in the order of the batch, and any other
        candidates after them; here those are the whole catalogue. Masks leave each pair its own
        positive of the former, and of the latter all but this one: every candidate once.
        """
        seen, candidate = self._masked(inputs), inputs.candidate
        row = tf.range(tf.size(candidate, tf.int64))
        left_out = [(row, candidate)]
        if seen is not None:
            left_out.append((row_numbers(seen), seen.values))
        shape = tf.stack([tf.size(candidate, tf.int64), self._candidates])
        own = tf.eye(tf.size(candidate), dtype=tf.bool)
        mask = tf.concat([own, ~_is_at(left_out, shape)], axis=1)

        def loss_of(query_vectors: tf.Tensor, candidate_tower: CandidateTower) -> tf.Tensor:
            catalogue = candidate_tower.catalogue()
            return _call_task(
                self.task,
                query_vectors,
                tf.concat([tf.gather(catalogue, candidate), catalogue], axis=0),
                sample_weight=inputs.weight,
                compute_metrics=False,
                score_mask=mask,
            )

        return loss_of

    def _in_batch_softmax(self, inputs: Batch) -> _Loss:
        """The softmax over the candidates of the batch, which stand for the catalogue."""
        seen, candidate = self._masked(inputs), inputs.candidate
        if inputs.elsewhere is not None:
            candidate = tf.concat([candidate, inputs.elsewhere], axis=0)
        probability, mask = None, None
        if self._hyperparameters.logq_correction:
            probability = tf.gather(self._sampling_probability, candidate)
        if seen is not None:
            distinct, column = tf.unique(candidate, out_idx=tf.int64)
            # One more column, which is not read, for all that are not in the batch.
            no_column = tf.size(distinct, tf.int64)
            column_of = tf.tensor_scatter_nd_update(
                tf.fill([self._candidates], no_column), candidate[:, None], column
            )
            place = (row_numbers(seen), tf.gather(column_of, seen.values))
            is_seen = _is_at([place], tf.stack([seen.nrows(), no_column + 1]))
            mask = ~tf.gather(is_seen, column, axis=1)

        def loss_of(query_vectors: tf.Tensor, candidate_tower: CandidateTower) -> tf.Tensor:
            return _call_task(
                self.task,
                query_vectors,
                candidate_tower(candidate),
                candidate_sampling_probability=probability,
                candidate_ids=candidate,
                sample_weight=inputs.weight,
                compute_metrics=False,
                score_mask=mask,
            )

        return loss_of

    def _masked(self, inputs: Batch) -> tf.RaggedTensor | None:
        """Positions that are no answer to the requests [B, any], int64; None to mask nothing."""
        if self._hyperparameters.mask_seen == "none":
            return None
        if self._hyperparameters.mask_seen == "all":
            return inputs.context.seen
        history = inputs.context.history
        # What is met once more is an answer again.
        is_other = history.values != tf.gather(inputs.candidate, row_numbers(history))
        return keep(history, is_other)

    def make_train_function(
        self, force: bool = False
    ) -> Callable[[Iterator[Batch]], dict[str, tf.Tensor]]:
        """What `fit` repeats: `steps_per_execution` steps, or one where devices share a batch.

        Autograph has nothing to convert here, and takes most of a short training on TF 2.16.
        """
        if force or getattr(self, "train_function", None) is None:
            step = tf.function(distribution.step_of(self.train_step), autograph=False)

            def one_step(iterator: Iterator[Batch]) -> dict[str, tf.Tensor]:
                return step(next(iterator))

            def steps(iterator: Iterator[Batch]) -> dict[str, tf.Tensor]:
                return tf.while_loop(
                    lambda done, _: done < self._steps_per_execution,
                    lambda done, _: (done + 1, step(next(iterator))),
                    (tf.constant(1, tf.int64), step(next(iterator))),
                    parallel_iterations=1,
                )[1]

            # Within a graph, what is dealt out to several devices cannot be read.
            several = tf.distribute.get_strategy().num_replicas_in_sync > 1
            self.train_function = one_step if several else tf.function(steps, autograph=False)
        return self.train_function


def _seed_of_member(seed: int, member: int) -> int:
    """Far apart, so that trainings with the next seeds share no member."""
    return seed + 1_000 * member


def _is_at(places: list[tuple[tf.Tensor, tf.Tensor]], shape: tf.Tensor) -> tf.Tensor:
    """A matrix that is true at some places, bool.

    Args:
        places: Rows and columns, each [any], int64, of several sets of places.
        shape: Shape of the matrix [2], int64.
    """
    row, column = (tf.concat(parts, axis=0) for parts in zip(*places, strict=True))
    matrix = tf.zeros([tf.reduce_prod(shape)], tf.bool)
    indices = (row * shape[1] + column)[:, None]
    everywhere = tf.fill([tf.size(row)], True)
    return tf.reshape(tf.tensor_scatter_nd_update(matrix, indices, everywhere), shape)
