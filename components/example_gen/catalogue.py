"""The catalogue: one candidate per key, whatever number of ids carries it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.examples import parquet
from components.examples.columns import CANDIDATE_ALIASES


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Candidates and how raw candidate ids map to them.

    Attributes:
        rows: Every raw row of the catalogue, in file order.
        ids: Raw candidate id of each of them.
        candidates: One row per candidate key: the first raw row that carries it, and the raw ids
            of all that do, in file order, as `CANDIDATE_ALIASES` (list of string).
        shared_keys: Number of raw ids beyond the first of their key.
    """

    rows: pa.Table
    ids: pa.Array
    candidates: pa.Table
    shared_keys: int

    @classmethod
    def from_rows(cls, rows: pa.Table, definition: DatasetDefinition) -> Catalogue:
        """Keeps the first raw row of each candidate key."""
        rows = rows.combine_chunks()
        ids = parquet.one_chunk(rows.column(definition.candidate_id))
        keys = rows.column(definition.candidate_key).to_numpy()
        _, first, key = np.unique(keys.astype(str), return_index=True, return_inverse=True)
        first_of_row = first[key]
        first.sort()
        by_candidate = np.argsort(first_of_row, kind="stable")
        offsets = np.searchsorted(first_of_row, np.append(first, len(rows)), sorter=by_candidate)
        aliases = pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), ids.take(pa.array(by_candidate))
        )
        return cls(
            rows=rows,
            ids=ids,
            candidates=rows.take(pa.array(first)).append_column(CANDIDATE_ALIASES, aliases),
            shared_keys=len(rows) - len(first),
        )

    def row_numbers(self, candidate_ids: pa.Array) -> pa.Array:
        """Row number of each raw candidate id; every id must be in the catalogue."""
        return pc.index_in(candidate_ids, value_set=self.ids)
