"""Interactions from plain events, for tests that need no files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from components.transform.reading import Interactions, Lists

# Query, candidate and time.
Event = tuple[int, int, int]


def lists(rows: Iterable[Sequence[int]]) -> Lists:
    """The rows one after the other."""
    values: list[int] = []
    splits = [0]
    for row in rows:
        values += row
        splits.append(len(values))
    return Lists(np.array(values, np.int64), np.array(splits, np.int64))


def earlier(events: Sequence[Event], row: Event) -> list[Event]:
    """The events of the query of a row that are strictly before it, oldest first."""
    before = [event for event in events if event[0] == row[0] and event[2] < row[2]]
    return sorted(before, key=lambda event: event[2])


def interactions(events: Sequence[Event], train: Sequence[Event] | None = None) -> Interactions:
    """A split as it is read from files.

    Args:
        events: Its events.
        train: The train events, if it is another split than train.
    """
    histories = [earlier(events if train is None else train, row) for row in events]
    seen = [
        [] if train is None else sorted({event[1] for event in train if event[0] == row[0]})
        for row in events
    ]
    query, candidate, time = np.array(events, np.int64).reshape(-1, 3).T
    return Interactions(
        query=query,
        candidate=candidate,
        time=time,
        history=lists([event[1] for event in history] for history in histories),
        history_times=lists([event[2] for event in history] for history in histories),
        seen=lists(seen),
        features={},
    )


def draw_events(
    queries: int, candidates: int, events: int, seed: int, seconds: int = 100_000
) -> list[Event]:
    """Events at random, with candidates of the first half twice as often.

    A query may have a candidate several times, and several events in one second.
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack(
        [
            rng.integers(0, queries, events),
            np.minimum(rng.integers(0, candidates, events), rng.integers(0, candidates, events)),
            rng.integers(0, seconds, events),
        ],
        axis=1,
    )
    return [(int(query), int(candidate), int(time)) for query, candidate, time in drawn]
