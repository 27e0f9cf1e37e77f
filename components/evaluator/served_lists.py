"""What each query of a batch is really served, and whether that agrees with the evaluated ranks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.evaluator.catalogue import Catalogue
from components.serving import export
from components.serving.ranking import MISS

# Two graphs may round one product differently: scores as close as this may stand in any order.
RELATIVE_TOLERANCE = 1e-4
# Serving holds the scores of its whole batch: 64 MB.
_MOST_SCORES = 1 << 24


@dataclasses.dataclass(frozen=True)
class ServedLists:
    """Lists that the serving signature gives out.

    Attributes:
        numbers: Catalogue numbers [D, K], int64, best first; -1 where a place is empty or holds
            what the catalogue does not have under this id and title.
        scores: Scores [D, K], float32.
    """

    numbers: np.ndarray
    scores: np.ndarray

    @classmethod
    def ask(
        cls, model: Any, queries: pa.Array, catalogue: Catalogue, definition: DatasetDefinition
    ) -> ServedLists:
        """Asks a loaded SavedModel for the lists of queries.

        Args:
            model: The SavedModel.
            queries: Raw query ids [D].
            catalogue: The catalogue, to recognise candidates by.
            definition: The dataset's definition.
        """
        serve = model.signatures[export.SERVING_SIGNATURE]
        numbers, scores = [], []
        raw = queries.to_numpy(zero_copy_only=False)
        at_once = max(1, _MOST_SCORES // len(catalogue))
        for start in range(0, len(raw), at_once):
            part = tf.constant(raw[start : start + at_once], tf.string)
            answer = serve(**{definition.query_id: part})
            ids = answer[definition.candidate_id].numpy()
            titles = answer[definition.candidate_title].numpy()
            found = catalogue.numbers_of_entries(ids.ravel(), titles.ravel())
            numbers.append(found.reshape(ids.shape))
            scores.append(answer[export.SCORE].numpy())
        return cls(np.concatenate(numbers), np.concatenate(scores))

    def differ(self, query: np.ndarray, number: np.ndarray, unseen_rank: np.ndarray) -> np.ndarray:
        """Whether a row's rank is not the place of its candidate in the list served [B], bool.

        Args:
            query: Which of the D queries each row has [B].
            number: Catalogue number of each row's candidate [B]; negative if it has none.
            unseen_rank: Evaluated rank [B], int64; `MISS` for a candidate that must not be served.
        """
        with np.errstate(invalid="ignore"):  # a broken model scores infinities
            return self._differ(self.numbers[query], self.scores[query], number, unseen_rank)

    @staticmethod
    def _differ(
        numbers: np.ndarray, scores: np.ndarray, number: np.ndarray, unseen_rank: np.ndarray
    ) -> np.ndarray:
        length = numbers.shape[1]
        is_own = (numbers == number[:, None]) & (number >= 0)[:, None]
        is_served = is_own.any(axis=1)
        own = scores[np.arange(len(number)), is_own.argmax(axis=1)]
        slack = RELATIVE_TOLERANCE * np.maximum(np.abs(own), 1.0)
        ahead = np.sum(scores > (own + slack)[:, None], axis=1)
        not_behind = np.sum(scores >= (own - slack)[:, None], axis=1)
        # With equal scores to the end of the list there may be more of them beyond it.
        fits = (unseen_rank > ahead) & ((unseen_rank <= not_behind) | (not_behind == length))
        listed = (unseen_rank != MISS) & (unseen_rank <= length)
        at_rank = scores[np.arange(len(number)), np.clip(unseen_rank - 1, 0, length - 1)]
        ties_with_last = at_rank - scores[:, -1] <= RELATIVE_TOLERANCE * np.maximum(
            np.abs(at_rank), 1.0
        )
        return np.where(is_served, ~fits | (unseen_rank == MISS), listed & ~ties_with_last)
