"""Training batches: positive pairs with what is known when each of them happens."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.serving.context import LONG_AGO, QueryContext, keep, row_numbers
from components.serving.query_events import QueryEvents
from components.trainer.model import Batch
from components.transform.reading import Interactions, Lists


class Contexts:
    """Looks up what is known when the events of a split happen.

    Args:
        split: The split.
    """

    def __init__(self, split: Interactions) -> None:
        self._query = tf.constant(split.query)
        self._candidate = tf.constant(split.candidate)
        self._history = split.history.ragged()
        happened = np.repeat(split.time, np.diff(split.history.splits))
        ages = (happened - split.history_times.values).astype(np.float32)
        self._ages = self._history.with_values(tf.constant(ages))
        self._seen = split.seen.ragged()
        self._features = {name: tf.constant(values) for name, values in split.features.items()}

    def of(self, rows: tf.Tensor) -> Batch:
        """Some rows of the split.

        Args:
            rows: Their numbers [B], int64.
        """
        context = QueryContext(
            query=tf.gather(self._query, rows),
            history=tf.gather(self._history, rows),
            ages=tf.gather(self._ages, rows),
            seen=tf.gather(self._seen, rows),
            features={name: tf.gather(values, rows) for name, values in self._features.items()},
        )
        return Batch(context, tf.gather(self._candidate, rows), tf.ones_like(rows, tf.float32))


def training_batches(
    train_split: Interactions,
    events: QueryEvents,
    weights: np.ndarray,
    batch_size: int,
    returning_share: float,
    unread_share: tuple[float, float],
    seed: int,
    first_pass: int = 0,
    replicas: int = 1,
) -> tf.data.Dataset:
    """Endless batches of a train split, each pass in a new order; its remainder is left out.

    Whole index batches are shuffled and gathered: a per-element shuffle is many times slower.

    Args:
        train_split: The split.
        events: What is known of each query.
        weights: What each pair counts in the loss [n], float32.
        batch_size: Pairs per batch.
        returning_share: Share of the pairs whose query comes long after all its other events.
        unread_share: See `Hyperparameters`.
        seed: Of the order, of who returns and of what is not read.
        first_pass: Number of the first pass: a training that goes on has had those before.
        replicas: Parts, one after the other, that each batch comes in.
    """
    contexts = Contexts(train_split)
    of_query = Lists(events.candidate, events.splits).ragged()
    weight = tf.constant(weights)
    steps = len(train_split) // batch_size

    def one_pass(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(train_split), dtype=tf.int64),
            seed=tf.stack([tf.constant(seed, tf.int64), epoch]),
        )
        return tf.data.Dataset.from_tensor_slices(
            tf.reshape(order[: steps * batch_size], [steps, batch_size])
        )

    def batch_of(step: tf.Tensor, rows: tf.Tensor, part: tf.Tensor) -> Batch:
        # The rows of this part, then those of the parts that follow it.
        rows = tf.roll(rows, -part * (batch_size // replicas), axis=0)
        rows, elsewhere = rows[: batch_size // replicas], rows[batch_size // replicas :]
        context, candidate, *_ = contexts.of(rows)
        seen = tf.gather(of_query, context.query)
        is_other = seen.values != tf.gather(candidate, row_numbers(seen))
        context = context._replace(seen=keep(seen, is_other))
        if returning_share:
            drawn = tf.random.stateless_uniform(
                [batch_size], seed=tf.stack([tf.constant(-seed, tf.int64), step])
            )
            drawn = tf.reshape(drawn, [replicas, -1])[part]
            context = _returning(context, drawn < returning_share)
        size = None
        if any(unread_share):
            size = context.seen.row_lengths()
            seeds = tf.stack([tf.constant(-seed, tf.int64), -1 - (step * replicas + part) * 2])
            context = context._replace(seen=_read_part(context.seen, unread_share, seeds))
        others = contexts.of(elsewhere).candidate if replicas > 1 else None
        return Batch(context, candidate, tf.gather(weight, rows), others, size)

    def parts_of(step: tf.Tensor, rows: tf.Tensor) -> tf.data.Dataset:
        parts = tf.data.Dataset.range(replicas)
        return parts.map(lambda part: batch_of(step, rows, part))

    options = tf.data.Options()
    # Nothing here is tuned, and the thread that tunes ends only when it wakes: after 20 s, 41 s.
    options.autotune.enabled = False
    return (
        tf.data.Dataset.range(first_pass, tf.int64.max)
        .flat_map(one_pass)
        .enumerate(first_pass * steps)
        .flat_map(parts_of)
        .prefetch(2)
        .with_options(options)
    )


def _read_part(
    seen: tf.RaggedTensor, unread_share: tuple[float, float], seed: tf.Tensor
) -> tf.RaggedTensor:
    """What is read of lists, after a share of each that is drawn anew.

    Args:
        seen: The lists [B, any].
        unread_share: Lowest and highest share that is left out.
        seed: Seed [2], int64; that before it is used too.
    """
    shares = tf.random.stateless_uniform([seen.nrows()], seed, *unread_share)
    drawn = tf.random.stateless_uniform(tf.shape(seen.values), seed - [0, 1])
    return keep(seen, drawn >= tf.gather(shares, row_numbers(seen)))


def _returning(context: QueryContext, returns: tf.Tensor) -> QueryContext:
    """Those that return come long after all that they have seen.

    Args:
        context: B requests.
        returns: Which of them return [B], bool.
    """
    row = tf.range(tf.size(returns, tf.int64))
    row = tf.where(returns, row + tf.size(returns, tf.int64), row)
    long_ago = context.seen.with_values(tf.fill(tf.shape(context.seen.values), LONG_AGO))
    return context._replace(
        history=tf.gather(tf.concat([context.history, context.seen], axis=0), row),
        ages=tf.gather(tf.concat([context.ages, long_ago], axis=0), row),
    )
