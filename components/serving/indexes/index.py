"""What an index is, and the one that ranks all candidates.

Shapes: B requests, N candidates, K = the most that one of the requests wants.
"""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf

from components.serving import lists
from components.serving.lists import Lists
from components.serving.scorers import Scorer


class Index(tf.Module, abc.ABC):
    """Finds the best candidates of requests.

    Args:
        scorer: What scores them.
        candidates: N.
    """

    def __init__(self, scorer: Scorer, candidates: int) -> None:
        super().__init__()
        self.scorer = scorer
        self._candidates = candidates

    @abc.abstractmethod
    def best(
        self, prepared: Any, k: tf.Tensor, excluded: tf.RaggedTensor, exact: tf.Tensor
    ) -> Lists:
        """The best candidates of each request that are not excluded.

        Args:
            prepared: What the scorer prepared of the requests.
            k: Most candidates of each list [B], int32, between 1 and N: each has exactly as many,
                or all that are not excluded.
            excluded: Positions to leave out [B, any], int64.
            exact: Whether all candidates have to be ranked [B] or [1], bool.
        """


class BruteForce(Index):
    """Ranks all candidates."""

    def best(
        self, prepared: Any, k: tf.Tensor, excluded: tf.RaggedTensor, exact: tf.Tensor
    ) -> Lists:
        """See `Index`; always exact."""
        return lists.best(self.scorer.scores(prepared, 0, self._candidates), k, excluded)
