"""RecBole layout: `NAME.inter`, `NAME.item` and perhaps `NAME.user`, tabs, `name:type` headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.datasets.delimited import DelimitedFormat, DelimitedText
from components.datasets.event_reading import EventFile, event_format, read_event_block
from components.datasets.headers import require_columns
from components.datasets.movie_values import catalogue, genres_from_names
from components.datasets.movielens import MOVIELENS
from components.datasets.raw import DEFAULT_BLOCK_BYTES, EventBlock
from components.datasets.tables import single_array
from components.datasets.text_files import read_header, read_whole, split_blocks
from components.datasets.user_values import users_with_exact_age

# Names in the headers of the files, not those of the definition.
_EVENT_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
_ITEM_COLUMNS = ("item_id", "movie_title", "release_year", "class")
_USER_COLUMNS = ("user_id", "age", "gender", "occupation", "zip_code")

# Titles of ml-100k that RecBole's conversion changed: its text, then the text of GroupLens.
_CHANGED_TITLES = {
    (267, "unkonwn (unkonwn)"): "unknown",
    (1128, "Heidi Fleiss: Hollywood Madam (1995)"): "Heidi Fleiss: Hollywood Madam (1995) ",
    (1201, "Marlene Dietrich: Shadow and Light (1996)"): (
        "Marlene Dietrich: Shadow and Light (1996) "
    ),
    (1635, "Two Friends (1986)"): "Two Friends (1986) ",
}


@dataclass(frozen=True)
class RecBole:
    """A folder of RecBole files of MovieLens (see `raw.RawDataset`).

    Attributes:
        folder: The folder.
        name: What the names of the files have before the dot.
        has_users: Whether there is a `.user` file.
    """

    folder: str
    name: str
    has_users: bool
    layout: str = "recbole"
    definition: DatasetDefinition = MOVIELENS

    def files(self) -> list[str]:
        """Paths of the files that are read."""
        endings = ("inter", "item", "user") if self.has_users else ("inter", "item")
        return [str(Path(self.folder) / f"{self.name}.{ending}") for ending in endings]

    def read_candidates(self) -> pa.Table:
        """The catalogue; raises DataError for an unusable `.item` file."""
        movie, title, year, genres = _ITEM_COLUMNS
        kinds = {movie: "integer", title: "text", year: "text", genres: "text"}
        text = self._whole("item", kinds)
        return catalogue(
            text, movie, title, _full_titles(text), genres_from_names(text, genres, " ")
        )

    def read_queries(self) -> pa.Table | None:
        """The users, or None without `.user`; raises DataError for an unusable file."""
        if not self.has_users:
            return None
        user, age, gender, occupation, zip_code = _USER_COLUMNS
        kinds = {user: "integer", age: "integer"}
        kinds |= dict.fromkeys((gender, occupation, zip_code), "text")
        return users_with_exact_age(
            self._whole("user", kinds),
            user=user,
            age=age,
            gender=gender,
            occupation=occupation,
            zip_code=zip_code,
        )

    def event_blocks(self, target_bytes: int = DEFAULT_BLOCK_BYTES) -> list[EventBlock]:
        """Byte ranges of the `.inter` file of at least `target_bytes`, ending with a line."""
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
        name = f"{self.name}.inter"
        columns, start = self._header(name, _EVENT_COLUMNS)
        form = event_format("\t", columns, _EVENT_COLUMNS)
        return EventFile(name, start, form, *_EVENT_COLUMNS)

    def _whole(self, ending: str, kinds: dict[str, str]) -> DelimitedText:
        name = f"{self.name}.{ending}"
        columns, start = self._header(name, tuple(kinds))
        return DelimitedText(
            read_whole(self.folder, name, start), DelimitedFormat("\t", columns, kinds)
        )

    def _header(self, name: str, required: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        line, start = read_header(self.folder, name)
        columns = tuple(part.split(":", 1)[0] for part in line.split("\t"))
        require_columns(name, columns, required, line)
        return columns, start


def _full_titles(text: DelimitedText) -> pa.Array:
    """Titles (string) as GroupLens writes them: RecBole moved the last bracket to a column."""
    movie, title, year, _ = _ITEM_COLUMNS
    titles = single_array(text.table.column(title))
    years = single_array(text.table.column(year))
    bracketed = pc.binary_join_element_wise(titles, " (", years, ")", "")
    # Without a title no bracket: the catalogue must see that the title is empty.
    plain = pc.or_(pc.equal(years, ""), pc.equal(titles, ""))
    full = pc.if_else(plain, titles, bracketed)
    ids = single_array(text.table.column(movie))
    for (changed_id, changed), original in _CHANGED_TITLES.items():
        matches = pc.and_(pc.equal(ids, changed_id), pc.equal(full, changed))
        full = pc.if_else(matches, original, full)
    return full
