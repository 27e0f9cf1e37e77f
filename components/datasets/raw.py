"""The contract between a layout of raw files and everything that reads a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from components.datasets.definition import DatasetDefinition

DEFAULT_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class EventBlock:
    """A byte range of an events file, aligned to line ends.

    Attributes:
        file: Name of the file inside the dataset's folder.
        start: First byte.
        stop: Byte after the last one.
    """

    file: str
    start: int
    stop: int


class RawDataset(Protocol):
    """A folder of raw files; picklable, and reopened in a worker from its folder."""

    @property
    def definition(self) -> DatasetDefinition:
        """Names and types of the columns."""

    @property
    def layout(self) -> str:
        """Name of the file layout, such as `grouplens-100k`."""

    @property
    def folder(self) -> str:
        """Folder that holds the files."""

    def files(self) -> list[str]:
        """Absolute or relative paths of the files that are read, for fingerprints."""

    def read_candidates(self) -> pa.Table:
        """The whole catalogue in file order, one row per candidate id.

        Returns:
            Table of `definition.candidate_schema()`.

        Raises:
            DataError: The file is missing, empty or holds an unusable line.
        """

    def read_queries(self) -> pa.Table | None:
        """Features of the queries in file order, or None where the layout has none.

        Returns:
            Table of `definition.query_schema()` with the features that the layout has.

        Raises:
            DataError: The file is missing, empty or holds an unusable line.
        """

    def event_blocks(self, target_bytes: int = DEFAULT_BLOCK_BYTES) -> list[EventBlock]:
        """Cuts the events file into byte ranges that end with a line.

        Args:
            target_bytes: Least size of a range in bytes (the last may be smaller).

        Raises:
            DataError: The file is missing or holds no events.
            ValueError: `target_bytes` is below 1.
        """

    def read_events(
        self, block: EventBlock, candidates: pa.Table, queries: pa.Table | None
    ) -> pa.RecordBatch:
        """The events of one block in file order.

        Args:
            block: One of `event_blocks()`.
            candidates: The table of `read_candidates()`.
            queries: The table of `read_queries()`.

        Returns:
            Batch of `definition.event_schema()`; a block of blank lines gives no rows.

        Raises:
            DataError: A line is unusable, or names a candidate or query that is not listed.
        """
