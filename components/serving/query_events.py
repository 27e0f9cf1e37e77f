"""What is known of each query: its train events, in order of time, and its features."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse
import tensorflow as tf

from components.transform.reading import Interactions


@dataclasses.dataclass(frozen=True)
class QueryEvents:
    """The train events of each query, oldest first, one query after the other.

    Attributes:
        candidate: Positions in the candidate vocabulary [events], int64.
        time: When each event was [events], int64.
        splits: Where those of each query begin and end [queries + 1], int64.
        features: Transformed query features by name, each [queries] or [queries, labels], of the
            latest event of each query; none where nothing is known.
    """

    candidate: np.ndarray
    time: np.ndarray
    splits: np.ndarray
    features: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def in_train(cls, train_split: Interactions, queries: int) -> QueryEvents:
        """The events of the train split; those of one time stay in the order of the split.

        Args:
            train_split: Its interactions.
            queries: Size of the query vocabulary, every query of which has an event where there
                are features.
        """
        order = np.lexsort([train_split.time, train_split.query])
        splits = np.searchsorted(train_split.query[order], np.arange(queries + 1))
        features = {
            name: values[order[splits[1:] - 1]] for name, values in train_split.features.items()
        }
        return cls(train_split.candidate[order], train_split.time[order], splits, features)

    @classmethod
    def nothing(cls, queries: int) -> QueryEvents:
        """No events of any query.

        Args:
            queries: Size of the query vocabulary.
        """
        none = np.zeros(0, np.int64)
        return cls(none, none, np.zeros(queries + 1, np.int64))

    @property
    def queries(self) -> int:
        """Size of the query vocabulary."""
        return len(self.splits) - 1

    def matrix(self, candidates: int) -> scipy.sparse.csr_matrix:
        """Ones where a query has an event with a candidate [queries, candidates], float32.

        Args:
            candidates: Size of the catalogue.
        """
        query = np.repeat(np.arange(self.queries), np.diff(self.splits))
        return ones_at(query, self.candidate, (self.queries, candidates))

    def candidates_of(self, query: np.ndarray) -> tf.RaggedTensor:
        """Candidates of each query's events [B, any], int64; none for an unknown query.

        Args:
            query: Positions in the query vocabulary [B], int64; negative if unknown.
        """
        known = query >= 0
        start = np.where(known, self.splits[query], 0)
        lengths = np.where(known, self.splits[query + 1], 0) - start
        places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return tf.RaggedTensor.from_row_lengths(
            self.candidate[places + np.repeat(start, lengths)], lengths
        )


def ones_at(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> scipy.sparse.csr_matrix:
    """A sparse matrix of ones, float32, however often a place is named.

    Args:
        row: Row of each place [n].
        column: Column of each place [n].
        shape: Shape of the matrix.
    """
    matrix = scipy.sparse.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
