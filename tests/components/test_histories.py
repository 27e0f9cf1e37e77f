"""Histories and seen candidates against a plain recomputation from the events."""

from __future__ import annotations

import collections
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_gen import histories, ingest, splits
from components.example_gen.splits import EVAL, HISTORIES, METHODS, SPLIT_NAMES, TRAIN, SplitSpec
from components.examples import parquet
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES
from components.examples.hashing import candidate_hash, stable_hash
from tests.components.steps import run_example_gen

_LISTS = (HISTORY, HISTORY_TIMES, SEEN_CANDIDATES)
_SECONDS_PER_HOUR = 3_600


class Event(NamedTuple):
    """One event; sorted, they stand as ExampleGen sorts them."""

    query: str
    time: int
    candidate_id: str
    key: str
    split: int


def _hash(keys: list[str]) -> list[int]:
    hashes: list[int] = candidate_hash(np.array(keys, dtype=object)).tolist()
    return hashes


def _expected(row: Event, events: list[Event], spec: SplitSpec) -> dict[str, list[int] | None]:
    """The lists of a row, from all events in any order."""
    own = sorted(event for event in events if event.query == row.query)
    train = [event for event in own if event.split == TRAIN]
    rolling = [
        event
        for event in own
        if spec.history == "rolling" and event.split == row.split != TRAIN and event.time < row.time
    ]
    earlier = sorted([event for event in train if event.time < row.time] + rolling)
    history = earlier[-spec.history_length :]
    latest_first = sorted(train + rolling, reverse=True)
    seen = list(dict.fromkeys(event.key for event in latest_first))[::-1]
    return {
        HISTORY: _hash([event.key for event in history]),
        HISTORY_TIMES: [event.time for event in history],
        SEEN_CANDIDATES: None if row.split == TRAIN else _hash(seen),
    }


def _codes(events: list[Event], spec: SplitSpec) -> np.ndarray:
    queries = stable_hash(np.array([event.query for event in events], dtype=object))
    if spec.method == "last":
        return splits.assign_last(queries, spec)
    if spec.method == "random":
        keys = stable_hash(np.array([event.key for event in events], dtype=object))
        return splits.assign_random(queries, keys, spec)
    times = np.array([event.time for event in events])
    distinct, counts = np.unique(times, return_counts=True)
    return splits.assign_temporal(times, splits.temporal_bounds(distinct, counts, spec))


# Few of each, so that events of one second and repeated candidates are common.
_EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.sampled_from("123456")),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("method", METHODS)
@given(
    drawn=_EVENTS,
    history_length=st.integers(1, 5),
    eval_events=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_lists_equal_those_of_plain_python(
    method: str,
    history: str,
    drawn: list[tuple[str, int, str]],
    history_length: int,
    eval_events: int,
    seed: int,
) -> None:
    spec = SplitSpec(method, seed, 0.4, 0.4, history, history_length, eval_events)
    # Ids 4, 5 and 6 carry the keys of 1, 2 and 3.
    unsplit = [Event(*event, key=str(int(event[2]) % 3), split=TRAIN) for event in sorted(drawn)]
    codes = _codes(unsplit, spec)
    events = [event._replace(split=code) for event, code in zip(unsplit, codes, strict=True)]
    arrays = histories.SortedEvents(
        queries=stable_hash(np.array([event.query for event in events], dtype=object)),
        candidates=candidate_hash(np.array([event.key for event in events], dtype=object)),
        times=np.array([event.time for event in events]),
        codes=codes,
    )
    for code in range(len(SPLIT_NAMES)):
        columns = histories.list_columns(arrays, code, spec)
        expected = [_expected(row, events, spec) for row in events if row.split == code]
        for name in _LISTS:
            assert columns[name].to_pylist() == [row[name] for row in expected], name


def _read(examples: Any, titles: dict[str, str]) -> dict[Event, dict[str, list[int] | None]]:
    """The lists of every row of an Examples artifact, in no order that means anything."""
    rows = {}
    for code, split in enumerate(SPLIT_NAMES):
        for batch in parquet.read_split(examples.uri, split):
            for row in batch.to_pylist():
                movie = row["movie_id"][0].decode()
                user, time = row["user_id"][0].decode(), row["timestamp"][0]
                event = Event(user, time, movie, titles[movie], code)
                rows[event] = {name: row[name] for name in _LISTS}
    return rows


@pytest.fixture(scope="module")
def hourly_folder(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated data set with times in whole hours: a user has many events at once."""
    folder = tmp_path_factory.mktemp("hourly")
    for name in ("u.item", "u.user"):
        shutil.copy(raw_folder / name, folder)
    events = [line.split("\t") for line in (raw_folder / "u.data").read_text().splitlines()]
    for event in events:
        event[3] = str(int(event[3]) // _SECONDS_PER_HOUR * _SECONDS_PER_HOUR)
    (folder / "u.data").write_text("".join("\t".join(event) + "\n" for event in events))
    return folder


@pytest.mark.parametrize(
    "spec",
    [
        SplitSpec(),
        SplitSpec(history="rolling", history_length=7),
        SplitSpec(method="temporal", history="rolling", history_length=20),
        SplitSpec(method="last", history="rolling", eval_events=12),
    ],
    ids=lambda spec: f"{spec.method}-{spec.history}",
)
def test_example_gen_writes_these_lists(
    hourly_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: SplitSpec
) -> None:
    monkeypatch.setattr(ingest, "rows_per_shard", lambda history_length: 700)
    examples, _ = run_example_gen(str(hourly_folder), tmp_path, spec)
    assert len(list((Path(examples.uri) / "Split-train").iterdir())) > 2
    items = (hourly_folder / "u.item").read_text("latin-1").splitlines()
    titles = dict(line.split("|")[:2] for line in items)
    rows = _read(examples, titles)
    assert len(rows) == len((hourly_folder / "u.data").read_text().splitlines())
    of_query = collections.defaultdict(list)
    for event in rows:
        of_query[event.query].append(event)
    for event, lists in rows.items():
        assert lists == _expected(event, of_query[event.query], spec), event
    assert any(len(lists[HISTORY] or []) > 5 for row, lists in rows.items() if row.split == EVAL)


@pytest.mark.parametrize(("length", "rows"), [(1, 237_341), (100, 39_473), (512, 20_000)])
def test_longer_histories_make_smaller_shards(length: int, rows: int) -> None:
    assert ingest.rows_per_shard(length) == rows
