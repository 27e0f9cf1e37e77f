"""Turns raw user lines into the columns of the MovieLens queries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.delimited import DelimitedText
from components.datasets.errors import DataError
from components.datasets.movielens import (
    BUCKETIZED_USER_AGE,
    MOVIELENS,
    OCCUPATIONS,
    RAW_USER_AGE,
    USER_GENDER,
    USER_ID,
    USER_OCCUPATION_LABEL,
    USER_OCCUPATION_TEXT,
    USER_ZIP_CODE,
)
from components.datasets.tables import reject_duplicates, single_array

_AGE_GROUPS = np.array([1, 18, 25, 35, 45, 50, 56], dtype=np.float32)

# The 100k edition names occupations otherwise than the 1m edition, whose names are the labels.
OCCUPATIONS_100K = {
    "administrator": "clerical/admin",
    "artist": "artist",
    "doctor": "doctor/health care",
    "educator": "academic/educator",
    "engineer": "technician/engineer",
    "entertainment": "entertainment",
    "executive": "executive/managerial",
    "healthcare": "doctor/health care",
    "homemaker": "homemaker",
    "lawyer": "lawyer",
    "librarian": "librarian",
    "marketing": "sales/marketing",
    "none": "other/not specified",
    "other": "other/not specified",
    "programmer": "programmer",
    "retired": "retired",
    "salesman": "sales/marketing",
    "scientist": "scientist",
    "student": "student",
    "technician": "technician/engineer",
    "writer": "writer",
}

# The 1m edition writes the position in this list.
OCCUPATIONS_1M = (
    "other/not specified",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
_STUDENTS_1M = ("college/grad student", "K-12 student")


def users_with_exact_age(
    text: DelimitedText, *, user: str, age: str, gender: str, occupation: str, zip_code: str
) -> pa.Table:
    """Queries from columns as the 100k edition has them; the arguments name the columns.

    Returns:
        Table of `MOVIELENS.query_schema()`.

    Raises:
        DataError: A user appears twice, or a gender or occupation is unknown.
    """
    raw = text.table
    labels = {name: OCCUPATIONS.index(OCCUPATIONS_100K[name]) for name in sorted(OCCUPATIONS_100K)}
    ages = raw.column(age).to_numpy()
    groups = _AGE_GROUPS[np.maximum(np.searchsorted(_AGE_GROUPS, ages, side="right") - 1, 0)]
    features = {
        RAW_USER_AGE: pa.array(ages.astype(np.float32)),
        BUCKETIZED_USER_AGE: pa.array(groups),
        USER_OCCUPATION_LABEL: _codes(text, occupation, labels),
        USER_OCCUPATION_TEXT: single_array(raw.column(occupation)),
    }
    return _queries(text, user, gender, zip_code, features)


def users_with_age_group(
    text: DelimitedText, *, user: str, age: str, gender: str, occupation: str, zip_code: str
) -> pa.Table:
    """Queries from columns as the 1m edition has them; the arguments name the columns.

    Returns:
        Table of `MOVIELENS.query_schema()` without `raw_user_age`.

    Raises:
        DataError: A user appears twice, or a gender or occupation is unknown.
    """
    raw = text.table
    positions = raw.column(occupation).to_numpy()
    bad = np.flatnonzero((positions < 0) | (positions >= len(OCCUPATIONS_1M)))
    if len(bad):
        raise text.error(
            int(bad[0]),
            occupation,
            "is not an occupation",
            f"use a number from 0 to {len(OCCUPATIONS_1M) - 1}",
        )
    codes = [
        OCCUPATIONS.index("student" if name in _STUDENTS_1M else name) for name in OCCUPATIONS_1M
    ]
    features = {
        BUCKETIZED_USER_AGE: pa.array(raw.column(age).to_numpy().astype(np.float32)),
        USER_OCCUPATION_LABEL: pa.array(np.array(codes, dtype=np.int64)[positions]),
        USER_OCCUPATION_TEXT: pc.take(pa.array(OCCUPATIONS_1M), pa.array(positions)),
    }
    return _queries(text, user, gender, zip_code, features)


def _queries(
    text: DelimitedText, user: str, gender: str, zip_code: str, features: dict[str, pa.Array]
) -> pa.Table:
    reject_duplicates(text, user)
    columns = {
        USER_ID: single_array(text.table.column(user)).cast(pa.string()),
        USER_GENDER: _codes(text, gender, {"F": 0, "M": 1}),
        USER_ZIP_CODE: single_array(text.table.column(zip_code)),
        **features,
    }
    schema = MOVIELENS.query_schema(frozenset(columns))
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _codes(text: DelimitedText, column: str, codes: Mapping[str, int]) -> pa.Array:
    values = single_array(text.table.column(column))
    positions = pc.index_in(values, value_set=pa.array(list(codes)))
    if positions.null_count:
        raise _unknown(text, positions.to_pylist().index(None), column, codes)
    return pc.take(pa.array(list(codes.values()), pa.int64()), positions)


def _unknown(text: DelimitedText, row: int, column: str, codes: Mapping[str, int]) -> DataError:
    return text.error(row, column, "is not known", f"use one of {', '.join(codes)}")
