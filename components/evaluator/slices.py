"""Which slices a row of the eval split belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from components.datasets.definition import DatasetDefinition
from components.evaluator.catalogue import Catalogue
from components.evaluator.slice_names import CANDIDATE_POPULARITY, QUERY_ACTIVITY
from components.examples import parquet

COLD = "cold"
QUARTILES = ("quartile 1", "quartile 2", "quartile 3", "quartile 4")
NEVER_IN_TRAIN, HEAD, TORSO, TAIL = "never in train", "head", "torso", "tail"

SliceKey = tuple[tuple[str, str], ...]
OVERALL: SliceKey = ()


class RowSlicer:
    """Assigns rows to slices.

    Args:
        names: What to slice by, some of `slice_names.slice_names`.
        catalogue: The catalogue with the counts of train.
        definition: The dataset's definition.
    """

    def __init__(
        self, names: Sequence[str], catalogue: Catalogue, definition: DatasetDefinition
    ) -> None:
        self._names = tuple(names)
        self._catalogue = catalogue
        self._definition = definition
        self._quartiles = np.quantile(catalogue.activity, [0.25, 0.5, 0.75])
        self._popularity = _popularity_classes(catalogue.counts)

    def columns(self) -> list[str]:
        """Columns of Examples that `slices` reads."""
        definition = self._definition
        return [name for name in self._names if name in definition.slice_features]

    def slices(
        self, batch: pa.RecordBatch, queries: pa.Array, numbers: np.ndarray
    ) -> Iterator[tuple[SliceKey, np.ndarray]]:
        """Yields each slice that has rows with the numbers of these rows; one row may be in many.

        Args:
            batch: Rows with `columns`.
            queries: Query id of each row [B].
            numbers: Catalogue number of each row's candidate [B], int64; negative if none.
        """
        for name in self._names:
            if name == QUERY_ACTIVITY:
                rows, labels = _all(self._activity(queries))
            elif name == CANDIDATE_POPULARITY:
                known = np.where(numbers >= 0, self._popularity[numbers], NEVER_IN_TRAIN)
                rows, labels = _all(known)
            else:
                rows, labels = self._feature(batch, name)
            for label in np.unique(labels):
                yield ((name, str(label)),), rows[np.equal(labels, label)]

    def _activity(self, queries: pa.Array) -> np.ndarray:
        activity = self._catalogue.activity_of(queries)
        quartile = np.searchsorted(self._quartiles, activity, side="left")
        return np.where(activity == 0, COLD, np.array(QUARTILES)[quartile])

    def _feature(self, batch: pa.RecordBatch, name: str) -> tuple[np.ndarray, np.ndarray]:
        column = parquet.column(batch, name)
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(len(column)), lengths)
        found = column.flatten().to_numpy(zero_copy_only=False)
        feature = self._definition.feature(name)
        if feature.labels:
            return rows, np.array(feature.labels)[found]
        if found.dtype == object:
            return rows, np.array([text.decode() for text in found], dtype=str)
        return rows, np.array([f"{number:g}" for number in found], dtype=str)


def _all(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(labels)), labels


def _popularity_classes(counts: np.ndarray) -> np.ndarray:
    """Class of each candidate [N]; equally frequent candidates are in one class."""
    ordered = np.sort(counts)[::-1]
    before = np.concatenate([[0], np.cumsum(ordered)[:-1]])
    share = before / max(ordered.sum(), 1)
    last = np.searchsorted(share, [1 / 3, 2 / 3], side="left") - 1
    least_of_head, least_of_torso = ordered[np.maximum(last, 0)]
    classes = np.where(counts >= least_of_torso, TORSO, TAIL)
    classes = np.where(counts >= least_of_head, HEAD, classes)
    return np.where(counts == 0, NEVER_IN_TRAIN, classes)
