"""What a model may know when it answers a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from components.transform.preprocessing import QUERY

# How long before a request the events of a visitor are that comes back, or whose times are not
# known: no sitting is left of them, only taste. Seconds.
LONG_AGO = 180 * 24 * 3600.0


class QueryContext(NamedTuple):
    """B requests.

    Attributes:
        query: Positions in the query vocabulary [B], int64; `UNKNOWN` for one that is not in it.
        history: Candidates of the events strictly before the request, oldest first [B, any], int64.
        ages: Seconds from each of these events to the request [B, any], float32.
        seen: Candidates of all events that are known, before the request or not [B, any], int64:
            what a list leaves out.
        features: Transformed query features by name, each [B] or [B, labels].
    """

    query: tf.Tensor
    history: tf.RaggedTensor
    ages: tf.RaggedTensor
    seen: tf.RaggedTensor
    features: dict[str, tf.Tensor]


def query_features(transformed: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Those of the transformed features that a query tower may read."""
    prefix = f"{QUERY}_"
    return {name: value for name, value in transformed.items() if name.startswith(prefix)}


def of_returning_visitors(context: QueryContext) -> QueryContext:
    """The same queries, long after the last event of theirs that is known."""
    return context._replace(
        history=context.seen,
        ages=tf.ragged.map_flat_values(
            lambda seen: tf.fill(tf.shape(seen), tf.constant(LONG_AGO)), context.seen
        ),
    )


def row_numbers(lists: tf.RaggedTensor) -> tf.Tensor:
    """Row of each value of ragged lists [values], int64.

    What `value_rowids` gives; that lays out a dense matrix on the way, which takes a sixth of a
    training step.
    """
    # Ranges that begin at the number of their row: steps of this size leave its low bits alone.
    step = tf.constant(2**31, tf.int64)
    row = tf.range(lists.nrows())
    ranges = tf.ragged.range(row, row + lists.row_lengths() * step, step, tf.int64)
    return tf.bitwise.bitwise_and(ranges.values, step - 1)


def keep(lists: tf.RaggedTensor, kept: tf.Tensor) -> tf.RaggedTensor:
    """Some of the values of ragged lists, in their rows.

    What `tf.ragged.boolean_mask` gives, which makes a model ten times as slow to save.

    Args:
        lists: Any lists [B, any].
        kept: Which of their values to keep [values], bool.
    """
    before = tf.concat([[0], tf.cumsum(tf.cast(kept, tf.int64))], axis=0)
    return tf.RaggedTensor.from_row_splits(
        tf.boolean_mask(lists.values, kept), tf.gather(before, lists.row_splits), validate=False
    )


def most_recent(lists: tf.RaggedTensor, length: int) -> tf.RaggedTensor:
    """The last `length` values of each row [B, at most length]."""
    return part(
        lists, tf.maximum(lists.row_starts(), lists.row_limits() - length), lists.row_limits()
    )


def part(lists: tf.RaggedTensor, starts: tf.Tensor, limits: tf.Tensor) -> tf.RaggedTensor:
    """A stretch of each row [B, any].

    Args:
        lists: Any lists [B, any].
        starts: Where each stretch begins among all values [B], int64.
        limits: Where it ends [B], int64.
    """
    places = tf.ragged.range(starts, limits, row_splits_dtype=tf.int64)
    return places.with_values(tf.gather(lists.values, places.values))
