"""From what a caller tells to what a model may know of a request. Shapes: B requests."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.serving.catalogue import Catalogue
from components.serving.context import (
    LONG_AGO,
    QueryContext,
    keep,
    part,
    query_features,
    row_numbers,
)
from components.serving.known_events import KnownEvents
from components.serving.known_features import KnownFeatures
from components.serving.tensors import distinct, for_each, one_per_row, seconds
from components.transform import preprocessing
from components.transform.graph import TransformGraph


class Requests:
    """Reads requests.

    Args:
        catalogue: The catalogue.
        known_events: The train events of each query.
        known_features: What else is known of each query.
        history_length: Events that a request reads at most.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        known_events: KnownEvents,
        known_features: KnownFeatures,
        history_length: int,
        transform_graph: TransformGraph,
        definition: DatasetDefinition,
    ) -> None:
        self._catalogue = catalogue
        self._known_events = known_events
        self._known_features = known_features
        self._history_length = history_length
        self._transform_graph = transform_graph
        self._definition = definition

    def by_query(
        self, query_id: tf.Tensor, request_time: tf.Tensor, features: Mapping[str, tf.Tensor]
    ) -> tuple[QueryContext, tf.RaggedTensor]:
        """What is known of queries that ask, and the candidates of all their events [B, any].

        Args:
            query_id: Raw query ids [B], string.
            request_time: When they ask [B] or [1], int64; negative for now.
            features: Raw query features by name, each [B] or [1]; what the train split says of a
                query holds where they are missing.
        """
        told = {
            f"{preprocessing.QUERY}_{name}": _is_told(values) for name, values in features.items()
        }
        transformed = self._known_features.add(self._transformed(query_id, features), told)
        events, times = self._known_events.of(transformed[preprocessing.QUERY])
        now = _times(request_time, tf.shape(query_id, tf.int64)[0])
        return self._context(events, times, now, transformed), events

    def by_events(
        self,
        events: tf.Tensor,
        event_times: tf.Tensor,
        request_time: tf.Tensor,
        features: Mapping[str, tf.Tensor],
    ) -> tuple[QueryContext, tf.RaggedTensor]:
        """What is known of those who name their events, and the candidates of these [B, any].

        Args:
            events: Keys or ids of candidates [B, any], string, in any order.
            event_times: When each was [B, any] or [1, 1], int64; negative where not known.
            request_time: As in `by_query`.
            features: Raw query features by name, each [B] or [1].
        """
        requests = tf.shape(events, tf.int64)[0]
        now = _times(request_time, requests)
        row_of = tf.where(tf.ones_like(events, tf.bool))[:, 0]
        times = tf.reshape(tf.broadcast_to(event_times, tf.shape(events)), [-1])
        times = tf.where(times < 0, tf.gather(now, row_of) - int(LONG_AGO), times)
        position = self._catalogue.position(tf.reshape(events, [-1]))
        order = tf.argsort(times, stable=True)
        order = tf.gather(order, tf.argsort(tf.gather(row_of, order), stable=True))
        order = tf.boolean_mask(order, tf.gather(position, order) != preprocessing.UNKNOWN)
        listed = tf.RaggedTensor.from_value_rowids(
            tf.gather(position, order), tf.gather(row_of, order), requests, validate=False
        )
        times = listed.with_values(tf.gather(times, order))
        transformed = self._transformed(tf.fill([requests], ""), features)
        return self._context(listed, times, now, transformed), listed

    def known_events(self, query_id: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Candidates and times of the events that are known of queries [B, any], oldest first."""
        return self._known_events.of(self._transformed(query_id, {})[preprocessing.QUERY])

    def excluded(
        self, seen: tf.RaggedTensor, exclude: tf.Tensor, exclude_seen: tf.Tensor
    ) -> tf.RaggedTensor:
        """Positions to leave out [B, any], int64: of what is seen, if so, and what is named."""
        requests = seen.nrows()
        leaves_out = tf.gather(for_each(exclude_seen, requests), row_numbers(seen))
        named = for_each(self._catalogue.position(exclude), requests)
        return tf.concat([keep(seen, leaves_out), tf.RaggedTensor.from_tensor(named)], axis=1)

    def _transformed(
        self, query_id: tf.Tensor, features: Mapping[str, tf.Tensor]
    ) -> Mapping[str, tf.Tensor]:
        """Transformed features of queries; of those that a caller does not give, none."""
        columns = {self._definition.query_id: one_per_row(query_id)}
        for name, values in features.items():
            values = for_each(values, tf.shape(query_id, tf.int64)[0])
            columns[name] = tf.sparse.retain(one_per_row(values), _is_told(values))
        return self._transform_graph(columns)

    def _context(
        self,
        events: tf.RaggedTensor,
        times: tf.RaggedTensor,
        request_time: tf.Tensor,
        transformed: Mapping[str, tf.Tensor],
    ) -> QueryContext:
        """What is known of requests whose events are in order of time."""
        row = row_numbers(times)
        time_of_request = tf.gather(request_time, row)
        ages = times.with_values(seconds(time_of_request, times.values))
        # In order of time, those before the request come first.
        is_before = tf.cast(times.values < time_of_request, tf.int64)
        limits = events.row_starts() + tf.math.unsorted_segment_sum(is_before, row, events.nrows())
        starts = tf.maximum(events.row_starts(), limits - self._history_length)
        history, ages = (part(values, starts, limits) for values in (events, ages))
        # Each candidate once, as evaluation has it.
        first, group = distinct([row * len(self._catalogue) + events.values])
        seen = keep(events, tf.gather(first, group) == tf.range(tf.size(group, tf.int64)))
        return QueryContext(
            transformed[preprocessing.QUERY], history, ages, seen, query_features(transformed)
        )


def _is_told(values: tf.Tensor) -> tf.Tensor:
    """Whether raw features are not missing, bool."""
    return values != "" if values.dtype == tf.string else values >= 0


def _times(request_time: tf.Tensor, requests: tf.Tensor) -> tf.Tensor:
    """When requests are made [B], int64."""
    now = tf.cast(tf.timestamp(), tf.int64)
    return for_each(tf.where(request_time < 0, now, request_time), requests)
