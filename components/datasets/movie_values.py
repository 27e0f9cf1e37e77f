"""Turns raw titles and genres into the columns of the MovieLens catalogue."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.delimited import DelimitedText
from components.datasets.movielens import (
    GENRES,
    MOVIE_GENRES,
    MOVIE_ID,
    MOVIE_RELEASE_YEAR,
    MOVIE_TITLE,
    MOVIELENS,
    NO_GENRES,
)
from components.datasets.tables import reject_duplicates, single_array

# A mark such as "(V)", for a film released on video only, may follow the year.
_YEAR = r"\((?P<year>[0-9]{4})\)(?: \([A-Z]+\))?\s*$"
# Spellings of one genre in the several editions.
_SPELLINGS = {"Children's": "Children", "unknown": "Unknown"}
_KNOWN_NAMES = pa.array([*GENRES, *_SPELLINGS])
_CODES = pa.array([*range(len(GENRES)), *(GENRES.index(name) for name in _SPELLINGS.values())])


def release_years(titles: pa.Array) -> pa.Array:
    """The year at the end of each title (int64), null where there is none."""
    found = pc.extract_regex(titles, _YEAR)
    return pc.struct_field(found, [0]).cast(pa.int64())


def genres_from_names(text: DelimitedText, column: str, separator: str) -> pa.Array:
    """Genre codes (list<int64>) from a column of names joined by a separator.

    Raises:
        DataError: A name is not a MovieLens genre.
    """
    joined = single_array(text.table.column(column))
    if separator == " ":
        # The only genre name with spaces must survive the split.
        names = pc.split_pattern(pc.replace_substring(joined, NO_GENRES, "\t"), " ")
        names = pa.ListArray.from_arrays(
            names.offsets, pc.replace_substring(names.flatten(), "\t", NO_GENRES)
        )
    else:
        names = pc.split_pattern(joined, separator)
    positions = pc.index_in(names.flatten(), value_set=_KNOWN_NAMES)
    if positions.null_count:
        bad = positions.to_pylist().index(None)
        row = int(np.searchsorted(names.offsets.to_numpy(), bad, side="right")) - 1
        raise text.error(
            row,
            column,
            f"holds the unknown genre {names.flatten()[bad].as_py()!r}",
            f"use these genres joined by {separator!r}: {', '.join(GENRES)}",
        )
    return pa.ListArray.from_arrays(names.offsets, pc.take(_CODES, positions))


def genres_from_flags(text: DelimitedText, columns: tuple[str, ...]) -> pa.Array:
    """Genre codes (list<int64>) from one 0/1 column for each genre, in the order of the columns.

    Args:
        text: Parsed lines whose flag columns are named after their genre.
        columns: Names of the flag columns.

    Raises:
        DataError: A flag is neither 0 nor 1.
    """
    flags = np.stack([text.table.column(name).to_numpy() for name in columns], axis=1)
    bad = np.argwhere((flags != 0) & (flags != 1))
    if len(bad):
        row, position = bad[0]
        raise text.error(int(row), columns[position], "is not 0 or 1", "correct the flag")
    codes = np.array([GENRES.index(name) for name in columns], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(flags.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(codes[np.nonzero(flags)[1]]))


def catalogue(
    text: DelimitedText, id_column: str, title_column: str, titles: pa.Array, genres: pa.Array
) -> pa.Table:
    """The catalogue of a layout.

    Args:
        text: Parsed lines.
        id_column: Their column of movie ids (int64).
        title_column: The column that errors about titles name.
        titles: Title of each row (string).
        genres: Genre codes of each row (list<int64>).

    Returns:
        Table of `MOVIELENS.candidate_schema()`.

    Raises:
        DataError: An id appears twice, or a title is empty.
    """
    reject_duplicates(text, id_column)
    blank = pc.index(pc.equal(pc.utf8_trim_whitespace(titles), ""), True).as_py()
    if blank >= 0:
        raise text.error(blank, title_column, "is an empty title", "write the title of the movie")
    columns = {
        MOVIE_ID: single_array(text.table.column(id_column)).cast(pa.string()),
        MOVIE_TITLE: titles,
        MOVIE_GENRES: genres,
        MOVIE_RELEASE_YEAR: release_years(titles),
    }
    schema = MOVIELENS.candidate_schema()
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
