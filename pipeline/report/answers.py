"""What the model answers some of the queries that it knows, asked as a server would ask it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples import parquet
from components.serving.asking import ask
from components.serving.interface import (
    COUNT,
    EVENT_TIMES,
    HISTORY_OF_QUERY_SIGNATURE,
    SERVING_SIGNATURE,
)
from components.transform.preprocessing import QUERY_VOCABULARY

_LISTED = 10
_SAMPLE = 500
_BATCH = 250
_EVAL = "eval"


@dataclasses.dataclass(frozen=True)
class Recommended:
    """A candidate that a query is served.

    Attributes:
        title: Its title.
        held_out: Whether it is of an event of the query in the eval split.
    """

    title: str
    held_out: bool


@dataclasses.dataclass(frozen=True)
class Person:
    """A query with its history and what it is served.

    Attributes:
        query: Its id.
        events: How many train events it has.
        held_out: How many candidates of the eval split it has.
        last_day: When the last of them happened, UTC.
        history: Titles of the latest of them, newest first.
        recommended: What it is served, best first.
    """

    query: str
    events: int
    held_out: int
    last_day: str
    history: list[str]
    recommended: list[Recommended]


@dataclasses.dataclass(frozen=True)
class Served:
    """How often candidates are served to a sample of queries, and were in their train events.

    Attributes:
        queries: Size of the sample.
        listed: How many candidates each was served.
        catalogue: How many candidates there are.
        served: Times that each candidate was served that was at all, most often first.
        known: Train events of each candidate that has any, most often first.
    """

    queries: int
    listed: int
    catalogue: int
    served: list[int]
    known: list[int]


class Asked:
    """A model that is asked.

    Args:
        folder: The SavedModel.
        definition: The dataset's definition.
    """

    def __init__(self, folder: Path, definition: DatasetDefinition) -> None:
        self._model = tf.saved_model.load(str(folder))
        self._definition = definition
        # Transform writes the most frequent first.
        vocabulary = folder / "assets" / QUERY_VOCABULARY
        self._queries = vocabulary.read_bytes().splitlines()

    def people(self, examples: str, count: int) -> list[Person]:
        """Some queries from the most to the least active, with what they are served.

        Args:
            examples: URI of the interactions, whose eval split tells what they went on to.
            count: How many; fewer where there are fewer.
        """
        if not count:
            return []
        queries = _spread(self._queries, count)
        held_out = _held_out(examples, queries, self._definition)
        lists = self._ask(SERVING_SIGNATURE, queries)[self._definition.candidate_title]
        known = self._ask(HISTORY_OF_QUERY_SIGNATURE, queries)
        return [
            Person(
                query=query.decode(errors="replace"),
                events=int(events),
                held_out=len(held_out[query]),
                last_day=_day(times[events - 1]),
                history=_texts(titles[:events][::-1][:_LISTED]),
                recommended=[
                    Recommended(title.decode(errors="replace"), title in held_out[query])
                    for title in served[:_LISTED]
                    if title
                ],
            )
            for query, served, titles, times, events in zip(
                queries,
                lists,
                known[self._definition.candidate_title],
                known[EVENT_TIMES],
                known[COUNT],
                strict=True,
            )
        ]

    def served(self, catalogue: int) -> Served:
        """How often each candidate is served to a sample of queries.

        Args:
            catalogue: How many candidates there are.
        """
        queries = _spread(self._queries, _SAMPLE)
        title = self._definition.candidate_title
        served: collections.Counter[bytes] = collections.Counter()
        known: collections.Counter[bytes] = collections.Counter()
        for start in range(0, len(queries), _BATCH):
            batch = queries[start : start + _BATCH]
            served.update(self._ask(SERVING_SIGNATURE, batch)[title][:, :_LISTED].ravel().tolist())
            known.update(self._ask(HISTORY_OF_QUERY_SIGNATURE, batch)[title].ravel().tolist())
        for counts in (served, known):
            counts.pop(b"", None)  # lists are padded
        return Served(
            len(queries),
            _LISTED,
            catalogue,
            sorted(served.values(), reverse=True),
            sorted(known.values(), reverse=True),
        )

    def _ask(self, signature: str, queries: Sequence[bytes]) -> Mapping[str, np.ndarray]:
        return ask(self._model.signatures[signature], {self._definition.query_id: list(queries)})


def _spread(values: Sequence[bytes], most: int) -> list[bytes]:
    """At most so many of them, evenly over their order."""
    count = min(most, len(values))
    return [values[int((place + 0.5) * len(values) / count)] for place in range(count)]


def _held_out(
    examples: str, queries: Sequence[bytes], definition: DatasetDefinition
) -> dict[bytes, set[bytes]]:
    """Titles of the eval split of each query."""
    found: dict[bytes, set[bytes]] = {query: set() for query in queries}
    names = [definition.query_id, definition.candidate_title]
    wanted = pa.array(queries, pa.large_binary())
    for batch in parquet.read_split(examples, _EVAL, names):
        # Each is a list of one.
        ids, titles = (parquet.column(batch, name).flatten() for name in names)
        rows = pc.is_in(ids, value_set=wanted)
        pairs = zip(ids.filter(rows).to_pylist(), titles.filter(rows).to_pylist(), strict=True)
        for query, title in pairs:
            found[query].add(title)
    return found


def _texts(titles: Sequence[bytes]) -> list[str]:
    return [title.decode(errors="replace") for title in titles]


def _day(when: Any) -> str:
    return f"{datetime.fromtimestamp(int(when), timezone.utc):%Y-%m-%d}"
