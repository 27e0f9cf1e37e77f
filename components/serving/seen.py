"""Who saw what in the train split."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse
import tensorflow as tf

from components.transform.reading import Interactions


@dataclasses.dataclass(frozen=True)
class SeenCandidates:
    """The distinct candidates of each query's train events, one query after the other.

    Attributes:
        candidate: Positions in the candidate vocabulary, sorted within a query, int64.
        splits: Where those of each query begin and end in `candidate` [queries + 1], int64.
    """

    candidate: np.ndarray
    splits: np.ndarray

    @classmethod
    def in_train(cls, train_split: Interactions, queries: int, candidates: int) -> SeenCandidates:
        """What was seen in the train split.

        Args:
            train_split: Its pairs.
            queries: Size of the query vocabulary.
            candidates: Size of the catalogue.
        """
        pairs = np.unique(train_split.query * candidates + train_split.candidate)
        return cls(
            candidate=pairs % candidates,
            splits=np.searchsorted(pairs, np.arange(queries + 1) * candidates),
        )

    def pairs(self, candidates: int) -> np.ndarray:
        """Each seen pair as `query * candidates + candidate`, sorted, int64.

        Args:
            candidates: Size of the catalogue.
        """
        queries = np.repeat(np.arange(len(self.splits) - 1), np.diff(self.splits))
        return np.asarray(queries * candidates + self.candidate, np.int64)

    def matrix(self, candidates: int) -> scipy.sparse.csr_matrix:
        """Ones where a query saw a candidate [queries, candidates], float32.

        Args:
            candidates: Size of the catalogue.
        """
        ones = np.ones(len(self.candidate), np.float32)
        shape = (len(self.splits) - 1, candidates)
        return scipy.sparse.csr_matrix((ones, self.candidate, self.splits), shape)

    def of(self, query: np.ndarray) -> tf.RaggedTensor:
        """What each query saw [B, any], int64; nothing for an unknown query.

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
