"""What a query did before each of its events, and what it has seen, as lists of candidates.

The lists of one split at a time, from the sorted events of one shard, which holds whole queries.
The context of a split is the events that its lists are made of.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa

from components.example_gen.splits import TRAIN, SplitSpec
from components.examples import parquet
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES


@dataclasses.dataclass(frozen=True)
class SortedEvents:
    """Events sorted by query and then by time.

    Attributes:
        queries: Hash of the query of each event [n], uint64; the events of a query are adjacent.
        candidates: `candidate_hash` of its candidate key [n], int64.
        times: Its time [n], int64.
        codes: Its split code [n], int8.
    """

    queries: np.ndarray
    candidates: np.ndarray
    times: np.ndarray
    codes: np.ndarray


def list_columns(events: SortedEvents, code: int, spec: SplitSpec) -> dict[str, pa.LargeListArray]:
    """The columns `HISTORY`, `HISTORY_TIMES` and `SEEN_CANDIDATES` of the rows of one split.

    Args:
        events: All events of the shard.
        code: Split code of the rows.
        spec: How events are split.
    """
    history, times = earlier_events(events, code, spec)
    if code == TRAIN:
        seen = parquet.missing_column(history.type, len(history))
    else:
        seen = seen_candidates(events, code, spec)
    return {HISTORY: history, HISTORY_TIMES: times, SEEN_CANDIDATES: seen}


def earlier_events(
    events: SortedEvents, code: int, spec: SplitSpec
) -> tuple[pa.LargeListArray, pa.LargeListArray]:
    """The latest context events of the query that are strictly earlier than the row, oldest first.

    Args:
        events: All events of the shard.
        code: Split code of the rows.
        spec: How events are split.

    Returns:
        Lists of `candidate_hash` and of event times, each [rows of the split], int64, none longer
        than `spec.history_length`.
    """
    rows = np.flatnonzero(events.codes == code)
    context = _context(events, code, spec)
    query_start, _ = _runs(events.queries)
    # Nobody knows which of the events of one instant came first.
    instant_start, _ = _runs(events.queries, events.times)
    start = np.searchsorted(context, query_start[rows])
    stop = np.searchsorted(context, instant_start[rows])
    places, offsets = _ranges(np.maximum(start, stop - spec.history_length), stop)
    listed = context[places]
    return _lists(events.candidates[listed], offsets), _lists(events.times[listed], offsets)


def seen_candidates(events: SortedEvents, code: int, spec: SplitSpec) -> pa.LargeListArray:
    """The distinct candidates that the query has seen, by the last event of each, oldest first.

    Seen are those of the query's train events, before and after the row alike, and of the other
    context events that are strictly earlier than the row.

    Args:
        events: All events of the shard.
        code: Split code of the rows, valid or eval.
        spec: How events are split.

    Returns:
        Lists of `candidate_hash` [rows of the split], int64.
    """
    rows = np.flatnonzero(events.codes == code)
    query_start, query_stop = _runs(events.queries)
    instant_start, _ = _runs(events.queries, events.times)
    last, since, until = _last_of_pairs(events, _context(events, code, spec))
    start = np.searchsorted(last, query_start[rows])
    stop = np.searchsorted(last, query_stop[rows])
    places, offsets = _ranges(start, stop)
    now = np.repeat(instant_start[rows], stop - start)
    listed = (since[places] < now) & (now <= until[places])
    offsets = np.append(0, np.cumsum(listed))[offsets]
    return _lists(events.candidates[last[places[listed]]], offsets)


def _context(events: SortedEvents, code: int, spec: SplitSpec) -> np.ndarray:
    """Ascending positions of the events that the lists of a split are made of [c], int64."""
    own = (events.codes == code) & (spec.history == "rolling")
    return np.flatnonzero((events.codes == TRAIN) | own)


def _last_of_pairs(
    events: SortedEvents, context: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When each context event is the last that is known of its query and candidate.

    Train events are always known, others from the next instant on. At an instant whose first event
    has position `now`, an event is the last one if `since < now <= until`.

    Args:
        events: All events of the shard.
        context: Ascending positions of the context events.

    Returns:
        Ascending positions of the events that are ever the last [k], and `since` and `until` of
        each [k], all int64.
    """
    by_pair = context[np.lexsort((events.candidates[context], events.queries[context]))]
    _, stop = _runs(events.queries[by_pair], events.candidates[by_pair])
    following = np.append(by_pair[1:], 0)
    until = np.where(np.arange(1, len(by_pair) + 1) < stop, following, len(events.codes))
    in_train = events.codes[by_pair] == TRAIN
    since = np.where(in_train, -1, by_pair)
    # Never the last: an event that a train event of its pair follows.
    train_events = np.cumsum(in_train)
    ever = np.flatnonzero(train_events == train_events[stop - 1])
    ever = ever[np.argsort(by_pair[ever])]
    return by_pair[ever], since[ever], until[ever]


def _runs(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the run of equal elements that each element is in starts and stops [n], int64."""
    changes = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    start = np.flatnonzero(np.append(True, changes))
    stop = np.append(start[1:], len(columns[0]))
    return np.repeat(start, stop - start), np.repeat(stop, stop - start)


def _ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The integers from each start [m] to its stop, one range after the other, and the offsets."""
    lengths = stop - start
    offsets = np.append(0, np.cumsum(lengths))
    return np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], lengths), offsets


def _lists(values: np.ndarray, offsets: np.ndarray) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))
