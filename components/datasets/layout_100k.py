"""GroupLens 100k layout: `u.data` (tabs), `u.item` and `u.user` (bars), all latin-1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from components.datasets.definition import DatasetDefinition
from components.datasets.delimited import DelimitedFormat, DelimitedText
from components.datasets.event_reading import EventFile, event_format, read_event_block
from components.datasets.movie_values import catalogue, genres_from_flags
from components.datasets.movielens import (
    MOVIE_ID,
    MOVIE_TITLE,
    MOVIELENS,
    RAW_USER_AGE,
    TIMESTAMP,
    USER_GENDER,
    USER_ID,
    USER_OCCUPATION_TEXT,
    USER_RATING,
    USER_ZIP_CODE,
)
from components.datasets.raw import DEFAULT_BLOCK_BYTES, EventBlock
from components.datasets.tables import single_array
from components.datasets.text_files import read_whole, split_blocks
from components.datasets.user_values import users_with_exact_age

FILES = ("u.data", "u.item", "u.user")

_GENRE_FLAGS = (
    "Unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_ROLES = (USER_ID, MOVIE_ID, USER_RATING, TIMESTAMP)
_EVENTS = EventFile("u.data", 0, event_format("\t", _ROLES, _ROLES), *_ROLES)
_ITEMS = DelimitedFormat(
    "|",
    (MOVIE_ID, MOVIE_TITLE, "release_date", "video_release_date", "imdb_url", *_GENRE_FLAGS),
    {MOVIE_ID: "integer", MOVIE_TITLE: "text", **dict.fromkeys(_GENRE_FLAGS, "integer")},
    encoding="latin-1",
)
_USERS = DelimitedFormat(
    "|",
    (USER_ID, RAW_USER_AGE, USER_GENDER, USER_OCCUPATION_TEXT, USER_ZIP_CODE),
    {
        USER_ID: "integer",
        RAW_USER_AGE: "integer",
        USER_GENDER: "text",
        USER_OCCUPATION_TEXT: "text",
        USER_ZIP_CODE: "text",
    },
    encoding="latin-1",
)


@dataclass(frozen=True)
class GroupLens100k:
    """A folder in the GroupLens 100k layout (see `raw.RawDataset`)."""

    folder: str
    layout: str = "grouplens-100k"
    definition: DatasetDefinition = MOVIELENS

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        return [str(Path(self.folder) / name) for name in FILES]

    def read_candidates(self) -> pa.Table:
        """The catalogue; raises DataError for an unusable `u.item`."""
        text = DelimitedText(read_whole(self.folder, "u.item"), _ITEMS)
        titles = single_array(text.table.column(MOVIE_TITLE))
        return catalogue(text, MOVIE_ID, MOVIE_TITLE, titles, genres_from_flags(text, _GENRE_FLAGS))

    def read_queries(self) -> pa.Table:
        """The users with all features; raises DataError for an unusable `u.user`."""
        text = DelimitedText(read_whole(self.folder, "u.user"), _USERS)
        return users_with_exact_age(
            text,
            user=USER_ID,
            age=RAW_USER_AGE,
            gender=USER_GENDER,
            occupation=USER_OCCUPATION_TEXT,
            zip_code=USER_ZIP_CODE,
        )

    def event_blocks(self, target_bytes: int = DEFAULT_BLOCK_BYTES) -> list[EventBlock]:
        """Byte ranges of `u.data` of at least `target_bytes`, each ending with a line."""
        return split_blocks(self.folder, _EVENTS.name, _EVENTS.start, target_bytes)

    def read_events(
        self, block: EventBlock, candidates: pa.Table, queries: pa.Table | None
    ) -> pa.RecordBatch:
        """The events of a block; raises DataError for an unusable line."""
        return read_event_block(self.folder, block, _EVENTS, self.definition, candidates, queries)
