"""Checks and conversions that every table of ids shares."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from components.datasets.delimited import DelimitedText


def single_array(column: pa.ChunkedArray) -> pa.Array:
    """The values of a column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def reject_duplicates(text: DelimitedText, column: str) -> None:
    """Checks that an integer column holds each value once.

    Raises:
        DataError: A value appears again; names the line where it does.
    """
    values = text.table.column(column).to_numpy()
    if len(np.unique(values)) == len(values):
        return
    _, first = np.unique(values, return_index=True)
    again = np.ones(len(values), dtype=bool)
    again[first] = False
    raise text.error(
        int(np.flatnonzero(again)[0]),
        column,
        "appears a second time",
        "keep one line for each id",
    )
