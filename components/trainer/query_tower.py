"""The query tower. Shapes: B requests, N candidates, D = embedding_dimension, K session channels.

A channel is a sum over events of the query, of one vector per candidate each: the history channel
sums all events alike; session channel k weights an event by exp(-age / session_decays[k]), so that
those with short decays see the sitting that goes on, and the long ones what was liked lately. The
vector of an event is one of its candidate and those of the candidate's features, F in all, so that
rare candidates tell something too. The vector of a request is the sum of the channels and of what a
hidden layer makes of them together.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.serving.context import LONG_AGO, QueryContext, most_recent, row_numbers
from components.trainer import initial_weights
from components.trainer.hyperparameters import Hyperparameters
from components.transform.preprocessing import UNKNOWN

# Buckets of the age of the latest event: powers of 4 seconds to `LONG_AGO`, then no event at all.
_AGE_BUCKETS = 13
_AGE_BASE = 4.0
# Buckets of the number of events: powers of 2.
_SIZE_BUCKETS = 12
# Weights below it add nothing to a sum that float32 could tell from nothing.
_LEAST_WEIGHT = 1e-4
# Added to the number, or the total weight, of events before its square root divides their sum.
_HISTORY_PRIOR, _SESSION_PRIOR = 1.0, 0.5


class QueryTower(tf.Module):
    """Maps requests to vectors.

    Args:
        queries: Size of the query vocabulary.
        candidates: Size of the catalogue.
        feature_widths: Number of labels or buckets of each transformed query feature, by name.
        candidate_features: Features of the catalogue [N, F], see `candidate_features`; None to read
            none.
        hyperparameters: Of the model.
        sparse_gradients: Let gradients of tables have only the rows that a batch reads: slower
            step by step, but the only way where the tables are large.
    """

    def __init__(
        self,
        queries: int,
        candidates: int,
        feature_widths: dict[str, int],
        candidate_features: tf.Variable | None,
        hyperparameters: Hyperparameters,
        sparse_gradients: bool = False,
    ) -> None:
        super().__init__(name="query_tower")
        self._hyperparameters = hyperparameters
        self._queries, self._candidates = queries, candidates
        self._sparse_gradients = sparse_gradients
        self._decays = tf.constant(hyperparameters.session_decays, tf.float32)
        self._feature_widths = feature_widths if hyperparameters.query_features else {}
        width, seed = hyperparameters.embedding_dimension, hyperparameters.seed

        def embedding(name: str, rows: int) -> tf.Variable:
            return initial_weights.normal(name, (rows, width), initial_weights.EMBEDDING, seed)

        def zeros(name: str, *shape: int) -> tf.Variable:
            return tf.Variable(tf.zeros(shape), name=name)

        self.query_embedding = None
        if hyperparameters.query_id:
            self.query_embedding = embedding("query_embedding", queries)
        self.feature_vectors = {
            name: initial_weights.normal(name, (labels, width), initial_weights.FEATURE, seed)
            for name, labels in sorted(self._feature_widths.items())
        }
        if hyperparameters.history == "none":
            return
        channels = 1 + len(hyperparameters.session_decays)
        hidden = hyperparameters.hidden_units
        self.constant = zeros("constant", width)
        # Vectors of buckets add to both the output and the hidden layer.
        self.size_vectors = zeros("size_vectors", _SIZE_BUCKETS, width + hidden)
        # One table for all channels, one after the other, so that one product sums them all.
        self.event_vectors = embedding("event_vectors", channels * candidates)
        self.candidate_features = candidate_features
        if candidate_features is not None:
            self.event_feature_vectors = initial_weights.normal(
                "event_feature_vectors",
                (channels, candidate_features.shape[1], width),
                initial_weights.FEATURE,
                seed,
            )
        if hyperparameters.session_decays:
            self.age_vectors = zeros("age_vectors", _AGE_BUCKETS, width + hidden)
            self.channel_scales = tf.Variable(
                tf.ones([_AGE_BUCKETS, channels]), name="channel_scales"
            )

        if hidden:
            self.hidden_kernel = initial_weights.normal(
                "hidden_kernel", (channels * width, hidden), initial_weights.EMBEDDING, seed
            )
            self.hidden_bias = zeros("hidden_bias", hidden)
            # Zeros: the tower starts as the sum of its channels.
            self.output_kernel = zeros("output_kernel", hidden, width)

    def __call__(
        self,
        context: QueryContext,
        dropout_seed: tf.Tensor | None = None,
        size: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Vectors of requests.

        Args:
            context: The requests.
            dropout_seed: Seed [2], int64, to drop out by in training; None to drop nothing.
            size: Number of events of which the history is a random part [B], int64: what is there
                stands for the others too; None where it is the whole.

        Returns:
            Vectors [B, D] or, with a bias coordinate, [B, D + 1], float32.
        """
        hyperparameters = self._hyperparameters
        vectors = tf.zeros([tf.shape(context.query)[0], hyperparameters.embedding_dimension])
        if self.query_embedding is not None:
            # Ones and zeros instead of a row for the unknown, which would never be trained.
            known = tf.cast(context.query != UNKNOWN, tf.float32)[:, None]
            vectors += known * tf.gather(self.query_embedding, tf.maximum(context.query, 0))
        features = self._features(context, dropout_seed)
        for name, kernel in self.feature_vectors.items():
            values = features[name]
            one_hot = values if values.shape.rank == 2 else tf.one_hot(values, kernel.shape[0])
            vectors += tf.matmul(one_hot, kernel)
        if hyperparameters.history != "none":
            vectors += self._of_events(context, dropout_seed, size)
        if dropout_seed is not None and hyperparameters.query_dropout:
            vectors = tf.nn.experimental.stateless_dropout(
                vectors, hyperparameters.query_dropout, seed=dropout_seed + 2
            )
        if hyperparameters.candidate_bias:
            return tf.concat([vectors, tf.ones_like(vectors[:, :1])], axis=1)
        return vectors

    def _features(
        self, context: QueryContext, dropout_seed: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        """Transformed query features by name; in training, all of them missing for some."""
        dropout = self._hyperparameters.feature_dropout
        if dropout_seed is None or not dropout or not self.feature_vectors:
            return context.features
        # Four seeds of a step are taken.
        seed = tf.random.experimental.stateless_fold_in(dropout_seed, 4)
        told = tf.random.stateless_uniform(tf.shape(context.query), seed) >= dropout

        def where_told(values: tf.Tensor, width: int) -> tf.Tensor:
            if values.shape.rank == 1:
                return tf.where(told, values, width - 1)  # the last bucket is for missing values
            return tf.where(told[:, None], values, 0.0)

        return {
            name: where_told(context.features[name], kernel.shape[0])
            for name, kernel in self.feature_vectors.items()
        }

    def _of_events(
        self, context: QueryContext, dropout_seed: tf.Tensor | None, whole: tf.Tensor | None
    ) -> tf.Tensor:
        """What events add to the vectors [B, D]."""
        hyperparameters = self._hyperparameters
        # Few train events come after longer than those of the visitors that training lets return.
        ages = context.ages.with_values(tf.minimum(context.ages.values, LONG_AGO))
        context = context._replace(ages=ages)
        history = context.seen if hyperparameters.history == "all" else context.history
        size = part = tf.cast(history.row_lengths(), tf.float32)
        if whole is not None:
            size = tf.cast(whole, tf.float32)
        weight = tf.math.rsqrt(size + _HISTORY_PRIOR)
        if whole is not None:
            weight *= tf.math.divide_no_nan(size, part)
        request = row_numbers(history)
        weights = tf.gather(weight, request)
        if dropout_seed is not None and hyperparameters.history_dropout:
            weights = tf.nn.experimental.stateless_dropout(
                weights, hyperparameters.history_dropout, seed=dropout_seed
            )
        buckets = tf.gather(self.size_vectors, _bucket(size, 2.0, _SIZE_BUCKETS))
        places = [(request, tf.zeros_like(history.values), history.values, weights)]
        if not hyperparameters.session_decays:
            channels = self._summed(places, history.nrows(), 1)
        else:
            places.append(self._session(context, dropout_seed))
            channels = self._summed(places, history.nrows(), self.channel_scales.shape[1])
            age = _bucket(_latest_age(context.ages), _AGE_BASE, _AGE_BUCKETS)
            channels *= tf.gather(self.channel_scales, age)[:, :, None]
            buckets += tf.gather(self.age_vectors, age)
        width = hyperparameters.embedding_dimension
        of_output, of_hidden = tf.split(buckets, [width, hyperparameters.hidden_units], axis=1)
        vectors = self.constant + of_output + tf.reduce_sum(channels, axis=1)
        if not hyperparameters.hidden_units:
            return vectors
        flat = tf.reshape(channels, [-1, self.hidden_kernel.shape[0]])
        hidden = tf.nn.relu(tf.matmul(flat, self.hidden_kernel) + self.hidden_bias + of_hidden)
        if dropout_seed is not None and hyperparameters.hidden_dropout:
            hidden = tf.nn.experimental.stateless_dropout(
                hidden, hyperparameters.hidden_dropout, seed=dropout_seed + 3
            )
        return vectors + tf.matmul(hidden, self.output_kernel)

    def _session(
        self, context: QueryContext, dropout_seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Request, channel, candidate and weight of each event of the session channels."""
        length = self._hyperparameters.session_length
        recent = most_recent(context.history, length)
        ages = most_recent(context.ages, length)
        weights = tf.exp(-ages.values[:, None] / self._decays)
        if dropout_seed is not None and self._hyperparameters.session_dropout:
            drawn = tf.random.stateless_uniform(tf.shape(ages.values), dropout_seed + 1)
            kept = drawn >= self._hyperparameters.session_dropout
            weights *= tf.cast(kept, tf.float32)[:, None]
        request = row_numbers(recent)
        total = tf.math.unsorted_segment_sum(weights, request, recent.nrows())
        weights *= tf.gather(tf.math.rsqrt(total + _SESSION_PRIOR), request)
        place = tf.where(weights > _LEAST_WEIGHT)
        event, channel = place[:, 0], place[:, 1]
        return (
            tf.gather(request, event),
            channel + 1,
            tf.gather(recent.values, event),
            tf.gather_nd(weights, place),
        )

    def _summed(
        self,
        places: list[tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]],
        requests: tf.Tensor,
        channels: int,
    ) -> tf.Tensor:
        """Weighted sums of event vectors by request and channel [B, channels, D]."""
        request, channel, candidate, weight = (
            tf.concat([tf.cast(part, parts[0].dtype) for part in parts], axis=0)
            for parts in zip(*places, strict=True)
        )
        sums, rows = request * channels + tf.cast(channel, tf.int64), requests * channels
        vector = tf.cast(channel, tf.int64) * self._candidates + tf.cast(candidate, tf.int64)
        weight = tf.stop_gradient(weight)

        def summed(rows_of: tf.Variable, row: tf.Tensor) -> tf.Tensor:
            if self._sparse_gradients:
                weighted = weight[:, None] * tf.gather(rows_of, row)
                of_channels = tf.math.unsorted_segment_sum(weighted, sums, rows)
            else:
                shape = tf.stack([rows, tf.constant(rows_of.shape[0], tf.int64)])
                matrix = tf.SparseTensor(tf.stack([sums, row], axis=1), weight, shape)
                of_channels = tf.sparse.sparse_dense_matmul(matrix, rows_of)
            return tf.reshape(of_channels, [-1, channels, rows_of.shape[1]])

        vectors = summed(self.event_vectors, vector)
        if self.candidate_features is None:
            return vectors
        features = summed(self.candidate_features, candidate)
        return vectors + tf.einsum("bcf,cfd->bcd", features, self.event_feature_vectors)


def _latest_age(ages: tf.RaggedTensor) -> tf.Tensor:
    """Age of the latest event, the last, of each request [B], float32; infinite if none."""
    latest = tf.gather(tf.concat([[np.inf], ages.values], axis=0), ages.row_limits())
    return tf.where(ages.row_lengths() > 0, latest, np.inf)


def _bucket(values: tf.Tensor, base: float, buckets: int) -> tf.Tensor:
    """Number of powers of `base` up to each value + 1 [B], int32, below `buckets`."""
    power = tf.math.log(tf.maximum(values, 0) + 1) / float(np.log(base))
    return tf.cast(tf.minimum(power, buckets - 1), tf.int32)
