"""Reads blocks of events and checks them against the catalogue; shared by all layouts."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.datasets.delimited import DelimitedFormat, DelimitedText
from components.datasets.raw import EventBlock
from components.datasets.tables import single_array
from components.datasets.text_files import read_block


@dataclass(frozen=True)
class EventFile:
    """How a layout writes its events.

    Attributes:
        name: Name of the file.
        start: Offset of the first byte below the header.
        form: How its lines are written; the ids and the time are integers.
        query, candidate, weight, time: Names of the four columns in the file.
    """

    name: str
    start: int
    form: DelimitedFormat
    query: str
    candidate: str
    weight: str
    time: str


def event_format(
    delimiter: str,
    columns: tuple[str, ...],
    roles: tuple[str, str, str, str],
    *,
    quoting: bool = False,
) -> DelimitedFormat:
    """The format of an events file.

    Args:
        delimiter: Text between two values.
        columns: Names of all columns in file order.
        roles: Names of the query, candidate, weight and time columns.
        quoting: Whether values may stand in double quotes.
    """
    kinds = dict(zip(roles, ("integer", "integer", "number", "integer"), strict=True))
    return DelimitedFormat(delimiter, columns, kinds, quoting=quoting)


def read_event_block(
    folder: str,
    block: EventBlock,
    events: EventFile,
    definition: DatasetDefinition,
    candidates: pa.Table,
    queries: pa.Table | None,
) -> pa.RecordBatch:
    """One block as a batch of `definition.event_schema()`.

    Args:
        folder: Folder of the events file.
        block: Its byte range.
        events: How the file is written.
        definition: Names of the columns to make.
        candidates: The catalogue.
        queries: The queries, or None where events may name any.

    Raises:
        DataError: A line is unusable, or names a candidate or query that is not listed.
    """
    text = DelimitedText(read_block(folder, block), events.form)
    _require_listed(text, events.candidate, candidates.column(definition.candidate_id), "catalogue")
    if queries is not None:
        _require_listed(text, events.query, queries.column(definition.query_id), "list of users")
    table = text.table
    arrays = [
        single_array(table.column(events.query)).cast(pa.string()),
        single_array(table.column(events.candidate)).cast(pa.string()),
        single_array(table.column(events.weight)),
        single_array(table.column(events.time)),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=definition.event_schema())


def _require_listed(text: DelimitedText, column: str, listed: pa.ChunkedArray, where: str) -> None:
    known = pc.is_in(text.table.column(column), value_set=single_array(listed.cast(pa.int64())))
    row = pc.index(known, False).as_py()
    if row >= 0:
        raise text.error(
            row,
            column,
            f"is not in the {where}",
            f"add it to the {where} or remove the line",
        )
