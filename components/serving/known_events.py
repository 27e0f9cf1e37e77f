"""What a served model knows of each query."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.serving.query_events import QueryEvents
from components.serving.scorers import table
from components.transform.preprocessing import UNKNOWN


class KnownEvents(tf.Module):
    """The train events of queries, to be read and to be left out of lists.

    Args:
        events: What is known of each query.
    """

    def __init__(self, events: QueryEvents) -> None:
        super().__init__(name="known_events")
        self._queries = events.queries
        self.candidate = table(events.candidate)
        self.time = table(events.time)
        # One more, for a query that is not known: it has no events.
        self.splits = table(np.append(events.splits, events.splits[-1:]))

    def of(self, query: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Candidates and times of the events of queries [B, any], int64, in order of time.

        Args:
            query: Positions in the query vocabulary [B], int64; `UNKNOWN` for one that is not in
                it.
        """
        row = tf.where(query == UNKNOWN, tf.constant(self._queries, tf.int64), query)
        return self._rows(self.candidate, row), self._rows(self.time, row)

    def _rows(self, values: tf.Variable, row: tf.Tensor) -> tf.RaggedTensor:
        # A variable that is gathered from is copied whenever it is read as a whole elsewhere.
        whole = tf.RaggedTensor.from_row_splits(
            tf.convert_to_tensor(values), tf.convert_to_tensor(self.splits), validate=False
        )
        return tf.gather(whole, row)
