"""The catalogue: one candidate per key, whatever number of ids carries it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.examples import parquet


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Candidates and how raw candidate ids map to them.

    Attributes:
        rows: Every raw row of the catalogue, in file order.
        ids: Raw candidate id of each of them.
        candidates: One row per candidate key: the first raw row that carries it.
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
        keys = rows.column(definition.candidate_key).to_numpy()
        _, first = np.unique(keys.astype(str), return_index=True)
        first.sort()
        return cls(
            rows=rows,
            ids=parquet.one_chunk(rows.column(definition.candidate_id)),
            candidates=rows.take(pa.array(first)),
            shared_keys=len(rows) - len(first),
        )

    def row_numbers(self, candidate_ids: pa.Array) -> pa.Array:
        """Row number of each raw candidate id; every id must be in the catalogue."""
        return pc.index_in(candidate_ids, value_set=self.ids)
