"""GroupLens 1m layout: `ratings.dat`, `movies.dat` and `users.dat`, `::` between values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from components.datasets.definition import DatasetDefinition
from components.datasets.delimited import DelimitedFormat, DelimitedText
from components.datasets.event_reading import EventFile, event_format, read_event_block
from components.datasets.movie_values import catalogue, genres_from_names
from components.datasets.movielens import (
    BUCKETIZED_USER_AGE,
    MOVIE_GENRES,
    MOVIE_ID,
    MOVIE_TITLE,
    MOVIELENS,
    TIMESTAMP,
    USER_GENDER,
    USER_ID,
    USER_OCCUPATION_LABEL,
    USER_RATING,
    USER_ZIP_CODE,
)
from components.datasets.raw import DEFAULT_BLOCK_BYTES, EventBlock
from components.datasets.tables import single_array
from components.datasets.text_files import read_whole, split_blocks
from components.datasets.user_values import users_with_age_group

FILES = ("ratings.dat", "movies.dat", "users.dat")

_ROLES = (USER_ID, MOVIE_ID, USER_RATING, TIMESTAMP)
_EVENTS = EventFile("ratings.dat", 0, event_format("::", _ROLES, _ROLES), *_ROLES)
_MOVIES = DelimitedFormat(
    "::",
    (MOVIE_ID, MOVIE_TITLE, MOVIE_GENRES),
    {MOVIE_ID: "integer", MOVIE_TITLE: "text", MOVIE_GENRES: "text"},
    encoding="latin-1",
)
_USERS = DelimitedFormat(
    "::",
    (USER_ID, USER_GENDER, BUCKETIZED_USER_AGE, USER_OCCUPATION_LABEL, USER_ZIP_CODE),
    {
        USER_ID: "integer",
        USER_GENDER: "text",
        BUCKETIZED_USER_AGE: "integer",
        USER_OCCUPATION_LABEL: "integer",
        USER_ZIP_CODE: "text",
    },
    encoding="latin-1",
)


@dataclass(frozen=True)
class GroupLens1m:
    """A folder in the GroupLens 1m layout (see `raw.RawDataset`)."""

    folder: str
    layout: str = "grouplens-1m"
    definition: DatasetDefinition = MOVIELENS

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return [str(Path(self.folder) / name) for name in FILES]

    def read_candidates(self) -> pa.Table:
        """The catalogue; raises DataError for an unusable `movies.dat`."""
        text = DelimitedText(read_whole(self.folder, "movies.dat"), _MOVIES)
        titles = single_array(text.table.column(MOVIE_TITLE))
        return catalogue(
            text, MOVIE_ID, MOVIE_TITLE, titles, genres_from_names(text, MOVIE_GENRES, "|")
        )

    def read_queries(self) -> pa.Table:
        """The users, without `raw_user_age`; raises DataError for an unusable `users.dat`."""
        text = DelimitedText(read_whole(self.folder, "users.dat"), _USERS)
        return users_with_age_group(
            text,
            user=USER_ID,
            age=BUCKETIZED_USER_AGE,
            gender=USER_GENDER,
            occupation=USER_OCCUPATION_LABEL,
            zip_code=USER_ZIP_CODE,
        )

    def event_blocks(self, target_bytes: int = DEFAULT_BLOCK_BYTES) -> list[EventBlock]:
        """Byte ranges of `ratings.dat` of at least `target_bytes`, each ending with a line."""
        return split_blocks(self.folder, _EVENTS.name, _EVENTS.start, target_bytes)

    def read_events(
        self, block: EventBlock, candidates: pa.Table, queries: pa.Table | None
    ) -> pa.RecordBatch:
        """The events of a block; raises DataError for an unusable line."""
        return read_event_block(self.folder, block, _EVENTS, self.definition, candidates, queries)
