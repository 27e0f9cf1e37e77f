"""Finds the first bad line of a block that could not be parsed; slow, used on failure only."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Protocol

from components.datasets.errors import DataError

_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST_INTEGER = (1 << 63) - 1
_LARGEST_NUMBER = 3.4028234e38
_EXTRACT_AGAIN = "extract the file again from the original archive"


class LineFormat(Protocol):
    """The part of a delimited format that says how to check a line."""

    @property
    def delimiter(self) -> str:
        """Text between two values."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns in file order."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """Columns to check, each "integer", "number" or "text"."""

    @property
    def encoding(self) -> str:
        """Encoding of the bytes."""

    @property
    def quoting(self) -> bool:
        """Whether values may stand in double quotes."""


def diagnose(data: bytes, form: LineFormat, file: str, first_line: int) -> DataError | None:
    """Describes the first bad line.

    Args:
        data: Whole lines.
        form: How the lines should be written.
        file: Name of the file.
        first_line: Number of the first line of `data` in the file.

    Returns:
        The error with its line, and where known its column and value; None if all lines are good.
    """
    for number, line in enumerate(data.splitlines(), start=first_line):
        if line:
            found = _line_error(line, form, file, number)
            if found is not None:
                return found
    return None


def _line_error(line: bytes, form: LineFormat, file: str, number: int) -> DataError | None:
    if b"\0" in line:
        return DataError("the line holds a NUL byte", _EXTRACT_AGAIN, file=file, line=number)
    try:
        text = line.decode(form.encoding)
    except UnicodeDecodeError as error:
        return DataError(
            f"byte 0x{line[error.start]:02x} at position {error.start + 1} of the line is not"
            f" {form.encoding.upper()}",
            f"convert the file to {form.encoding.upper()}",
            file=file,
            line=number,
        )
    try:
        values = _split(text, form)
    except csv.Error as error:
        return DataError(
            f"the line cannot be split ({error})", _EXTRACT_AGAIN, file=file, line=number
        )
    expected = len(form.columns)
    if len(values) != expected:
        few = len(values) < expected
        return DataError(
            f"the line has {len(values)} columns where {expected} are expected",
            f"the line is truncated, {_EXTRACT_AGAIN}"
            if few
            else f"remove what the file has beyond {', '.join(form.columns)}",
            file=file,
            line=number,
        )
    for column, value in zip(form.columns, values, strict=True):
        problem = _value_problem(value, form.kinds.get(column, "text"))
        if problem is not None:
            return DataError(
                problem,
                "correct the value or remove the line",
                file=file,
                line=number,
                column=column,
                value=value,
            )
    return None


def _split(text: str, form: LineFormat) -> list[str]:
    if form.quoting:
        return next(csv.reader([text], delimiter=form.delimiter))
    return text.split(form.delimiter)


def _value_problem(value: str, kind: str) -> str | None:
    bare = value.strip(" \t")
    if kind == "integer":
        if not _INTEGER.fullmatch(bare):
            return "is not an integer"
        if not -_LARGEST_INTEGER - 1 <= int(bare) <= _LARGEST_INTEGER:
            return "is not an integer of 64 bits"
    if kind == "number":
        if not _NUMBER.fullmatch(bare):
            return "is not a number"
        if abs(float(bare)) > _LARGEST_NUMBER:
            return "is not a finite number of 32 bits"
    return None
