"""Delimited text to Arrow columns, with the place of the first bad value on failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from components.datasets.diagnosis import diagnose
from components.datasets.errors import DataError

# One byte that no layout uses stands in for a separator of two, which Arrow cannot split by.
_UNIT_SEPARATOR = "\x1f"
_ARROW_TYPES = {"integer": pa.int64(), "number": pa.float32(), "text": pa.string()}


@dataclass(frozen=True)
class DelimitedFormat:
    """How the lines of a file are written.

    Attributes:
        delimiter: Text between two values, one or two characters.
        columns: Names of all columns in file order.
        kinds: Columns to read, each "integer" (int64), "number" (float32, finite) or "text".
        encoding: "utf-8" or "latin-1".
        quoting: Whether values may stand in double quotes.
    """

    delimiter: str
    columns: tuple[str, ...]
    kinds: Mapping[str, str] = field(hash=False)
    encoding: str = "utf-8"
    quoting: bool = False


@dataclass(frozen=True)
class TextBlock:
    """Whole lines of a file.

    Attributes:
        file: Name of the file, for errors.
        data: The bytes.
        first_line: Gives the number of the first line in the file; called only on failure.
    """

    file: str
    data: bytes
    first_line: Callable[[], int]


class DelimitedText:
    """The parsed columns of a block; remembers the block to tell where a row came from.

    Attributes:
        table: One column for each entry of `form.kinds`, one row for each line that is not blank.

    Raises:
        DataError: A line has another number of columns, or a value is not of its kind.
    """

    def __init__(self, block: TextBlock, form: DelimitedFormat) -> None:
        self._block = block
        self._form = form
        self.table = self._parse()

    def error(self, row: int, column: str, problem: str, remedy: str) -> DataError:
        """The DataError for a value of a row (counted from 0) that parsed but is not usable."""
        value = self.table.column(column)[row].as_py()
        number = self._block.first_line()
        rows_left = row
        for offset, line in enumerate(self._block.data.splitlines()):
            if line:
                if rows_left == 0:
                    number += offset
                    break
                rows_left -= 1
        return DataError(
            problem,
            remedy,
            file=self._block.file,
            line=number,
            column=column,
            value=str(value),
        )

    def _parse(self) -> pa.Table:
        data, form = self._block.data, self._form
        types = {name: _ARROW_TYPES[kind] for name, kind in form.kinds.items()}
        if not data.strip(b"\r\n"):
            return pa.schema(list(types.items())).empty_table()
        if b"\0" in data:
            raise self._diagnosis("holds a NUL byte")
        delimiter = form.delimiter
        if len(delimiter) > 1:
            data = data.replace(delimiter.encode(), _UNIT_SEPARATOR.encode())
            delimiter = _UNIT_SEPARATOR
        if form.encoding == "latin-1":
            data = data.decode("latin-1").encode("utf-8")
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(data),
                read_options=pa_csv.ReadOptions(
                    use_threads=False,
                    block_size=len(data) + 1,
                    column_names=list(form.columns),
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=delimiter, quote_char='"' if form.quoting else False
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=[],
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            raise self._diagnosis(f"cannot be parsed ({error})") from error
        for name, kind in form.kinds.items():
            column = table.column(name)
            if kind == "number" and not pc.all(pc.is_finite(column)).as_py():
                raise self._diagnosis(f"holds a {name} that is not finite")
            # Arrow lets a quoted value run over line ends: in these files a quote was not closed.
            if kind == "text" and form.quoting and pc.any(pc.match_substring(column, "\n")).as_py():
                raise self._diagnosis(f"holds a {name} with a quote that is not closed")
        return table.combine_chunks()

    def _diagnosis(self, problem: str) -> DataError:
        block = self._block
        found = diagnose(block.data, self._form, block.file, block.first_line())
        if found is not None:
            return found
        return DataError(
            problem,
            "extract the file again from the original archive",
            file=block.file,
        )
