"""The catalogue and the train split as an evaluation needs them, independent of any model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.examples import parquet
from components.examples.artifacts import CANDIDATES_SPLIT
from components.examples.hashing import candidate_hash

_TRAIN_SPLIT = "train"


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Candidates by number, their row in the catalogue, and how often train has them.

    Attributes:
        keys: Candidate keys [N].
        ids: Candidate ids [N].
        titles: Titles [N].
        counts: Train events of each candidate [N], int64.
        queries: Queries with a train event [Q].
        activity: Train events of each of them [Q], int64.
    """

    keys: pa.Array
    ids: pa.Array
    titles: pa.Array
    counts: np.ndarray
    queries: pa.Array
    activity: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def read(
        cls, examples_uri: str, candidates_uri: str, definition: DatasetDefinition
    ) -> Catalogue:
        """Reads the catalogue and counts the train split, batch by batch."""
        columns = [definition.candidate_key, definition.candidate_id, definition.candidate_title]
        named = list(dict.fromkeys(columns))
        batches = parquet.read_split(candidates_uri, CANDIDATES_SPLIT, named)
        table = pa.Table.from_batches(list(batches))
        keys, ids, titles = (parquet.one_chunk(table.column(name)).flatten() for name in columns)
        pairs = [definition.query_id, definition.candidate_key]
        queries, candidates = _ValueCounts(), _ValueCounts()
        for batch in parquet.read_split(examples_uri, _TRAIN_SPLIT, pairs):
            queries.add(batch.column(0).flatten())
            candidates.add(batch.column(1).flatten())
        names, activity = queries.merged()
        return cls(keys, ids, titles, candidates.of(keys), names, activity)

    def numbers_of_keys(self, keys: pa.Array) -> np.ndarray:
        """Number of each candidate key [n], int64; -1 for one that is not in the catalogue."""
        return _index_in(keys, self.keys)

    def keys_of_hashes(self, hashes: np.ndarray) -> np.ndarray:
        """Key of each candidate that Examples list by hash [n], bytes; all are in the catalogue."""
        keys = self.keys.to_numpy(zero_copy_only=False)
        known = candidate_hash(keys)
        order = np.argsort(known)
        return keys[order[np.searchsorted(known[order], hashes)]]

    def numbers_of_entries(self, ids: np.ndarray, titles: np.ndarray) -> np.ndarray:
        """Number of each candidate that a model names.

        Args:
            ids: Candidate ids [n], bytes.
            titles: What the model calls them [n], bytes.

        Returns:
            Numbers [n], int64; -1 for an id that is not in the catalogue or has another title.
        """
        numbers = _index_in(pa.array(ids, self.ids.type), self.ids)
        expected = self.titles.take(pa.array(np.maximum(numbers, 0)))
        return np.where(expected.to_numpy(zero_copy_only=False) == titles, numbers, -1)

    def activity_of(self, queries: pa.Array) -> np.ndarray:
        """Train events of each query [n], int64; 0 for a query that train does not have."""
        rows = _index_in(queries, self.queries)
        return np.where(rows >= 0, self.activity[np.maximum(rows, 0)], 0)

    def popularity_ranks(self) -> np.ndarray:
        """Rank of each candidate by train events [N], int64: 1 for the most frequent.

        Equally frequent candidates share the best of their ranks.
        """
        ordered = np.sort(-self.counts)
        return np.searchsorted(ordered, -self.counts, side="left") + 1


class _ValueCounts:
    """Counts distinct values in memory that grows with their number only."""

    def __init__(self) -> None:
        self._parts: list[tuple[pa.Array, np.ndarray]] = []
        self._pending = 0

    def add(self, array: pa.Array) -> None:
        counted = array.value_counts()
        self._parts.append((counted.field("values"), counted.field("counts").to_numpy()))
        self._pending += len(counted)
        if self._pending > 2 * len(self._parts[0][0]) + parquet.ROWS_PER_GROUP:
            self._parts = [self.merged()]
            self._pending = len(self._parts[0][0])

    def merged(self) -> tuple[pa.Array, np.ndarray]:
        """Distinct values, and the count of each."""
        encoded = pa.concat_arrays([part[0] for part in self._parts]).dictionary_encode()
        counts = np.concatenate([part[1] for part in self._parts])
        totals = np.bincount(encoded.indices.to_numpy(), counts, len(encoded.dictionary))
        return encoded.dictionary, totals.astype(np.int64)

    def of(self, wanted: pa.Array) -> np.ndarray:
        """Count of each wanted value [n], int64."""
        names, counts = self.merged()
        rows = _index_in(wanted, names)
        return np.where(rows >= 0, counts[np.maximum(rows, 0)], 0)


def _index_in(wanted: pa.Array, known: pa.Array) -> np.ndarray:
    found = pc.index_in(wanted, value_set=known)
    return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
