"""What a model may know when it answers a request."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

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


def of_returning_visitors(context: QueryContext) -> QueryContext:
    """The same queries, long after the last event of theirs that is known."""
    return context._replace(
        history=context.seen,
        ages=tf.ragged.map_flat_values(
            lambda seen: tf.fill(tf.shape(seen), tf.constant(LONG_AGO)), context.seen
        ),
    )


def most_recent(values: tf.RaggedTensor, length: int) -> tf.RaggedTensor:
    """The last `length` values of each row [B, at most length]."""
    return values[:, -length:]
