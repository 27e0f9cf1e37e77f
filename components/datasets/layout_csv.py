"""GroupLens CSV layout (latest, latest-small, 20m, 25m, 32m): `movies.csv` and `ratings.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from components.datasets.definition import DatasetDefinition
from components.datasets.delimited import DelimitedFormat, DelimitedText
from components.datasets.event_reading import EventFile, event_format, read_event_block
from components.datasets.headers import require_columns
from components.datasets.movie_values import catalogue, genres_from_names
from components.datasets.movielens import MOVIELENS
from components.datasets.raw import DEFAULT_BLOCK_BYTES, EventBlock
from components.datasets.tables import single_array
from components.datasets.text_files import read_header, read_whole, split_blocks

FILES = ("ratings.csv", "movies.csv")

# Names in the headers of the files, not those of the definition.
_RATING_COLUMNS = ("userId", "movieId", "rating", "timestamp")
_MOVIE_COLUMNS = ("movieId", "title", "genres")


@dataclass(frozen=True)
class GroupLensCsv:
    """A folder in the GroupLens CSV layout (see `raw.RawDataset`)."""

    folder: str
    layout: str = "grouplens-csv"
    definition: DatasetDefinition = MOVIELENS

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return [str(Path(self.folder) / name) for name in FILES]

    def read_candidates(self) -> pa.Table:
        """The catalogue; raises DataError for an unusable `movies.csv`."""
        columns, start = self._header("movies.csv", _MOVIE_COLUMNS)
        movie, title, genres = _MOVIE_COLUMNS
        form = DelimitedFormat(
            ",", columns, {movie: "integer", title: "text", genres: "text"}, quoting=True
        )
        text = DelimitedText(read_whole(self.folder, "movies.csv", start), form)
        return catalogue(
            text,
            movie,
            title,
            single_array(text.table.column(title)),
            genres_from_names(text, genres, "|"),
        )

    def read_queries(self) -> None:
        """None: this layout has no features of users."""

    def event_blocks(self, target_bytes: int = DEFAULT_BLOCK_BYTES) -> list[EventBlock]:
        """Byte ranges of `ratings.csv` of at least `target_bytes`, each ending with a line."""
        events = self._events()
        return split_blocks(self.folder, events.name, events.start, target_bytes)

    def read_events(
        self, block: EventBlock, candidates: pa.Table, queries: pa.Table | None
    ) -> pa.RecordBatch:
        """The events of a block; raises DataError for an unusable line."""
        return read_event_block(
            self.folder, block, self._events(), self.definition, candidates, queries
        )

    def _events(self) -> EventFile:
        columns, start = self._header("ratings.csv", _RATING_COLUMNS)
        form = event_format(",", columns, _RATING_COLUMNS, quoting=True)
        return EventFile("ratings.csv", start, form, *_RATING_COLUMNS)

    def _header(self, name: str, required: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        line, start = read_header(self.folder, name)
        columns = tuple(next(csv.reader([line]), []))
        require_columns(name, columns, required, line)
        return columns, start
