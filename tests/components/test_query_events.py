"""What is known of each query against plain Python."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serving.query_events import QueryEvents
from tests.components.interactions import Event, interactions

_QUERIES, _CANDIDATES = 4, 5
# Few of each, so that events of one second, repeated candidates and queries without events are
# common.
_EVENTS = st.lists(
    st.tuples(
        st.integers(0, _QUERIES - 1), st.integers(0, _CANDIDATES - 1), st.integers(-5, 1 << 40)
    ),
    max_size=20,
)


def test_by_hand() -> None:
    train = interactions([(2, 4, 30), (0, 1, 7), (2, 3, 10), (2, 4, 30), (2, 0, 30), (2, 3, 20)])
    events = QueryEvents.in_train(train, queries=4)
    assert events.queries == 4
    assert events.splits.tolist() == [0, 1, 1, 6, 6]
    assert events.candidate.tolist() == [1, 3, 3, 4, 4, 0]
    assert events.time.tolist() == [7, 10, 20, 30, 30, 30]
    listed = events.candidates_of(np.array([2, -1, 1, 0, 2]))
    assert listed.to_list() == [[3, 3, 4, 4, 0], [], [], [1], [3, 3, 4, 4, 0]]


def test_features_are_those_of_the_latest_event() -> None:
    train = interactions([(1, 4, 30), (0, 1, 7), (1, 3, 10), (1, 0, 20)])
    labels = np.array([[1, 0], [0, 1], [0, 0], [1, 1]], np.float32)
    features = {"query_age": np.array([5, 2, 3, 4]), "query_group": labels}
    events = QueryEvents.in_train(dataclasses.replace(train, features=features), queries=2)
    assert events.features["query_age"].tolist() == [2, 5]
    assert events.features["query_group"].tolist() == [[0, 1], [1, 0]]
    assert not QueryEvents.nothing(2).features


@settings(deadline=None)
@given(_EVENTS, st.lists(st.integers(-1, _QUERIES - 1), max_size=6))
def test_events_equal_those_of_plain_python(drawn: list[Event], asked: list[int]) -> None:
    events = QueryEvents.in_train(interactions(drawn), _QUERIES)
    of_query: list[list[Event]] = [[] for _ in range(_QUERIES)]
    for event in drawn:
        of_query[event[0]].append(event)
    for query, expected in enumerate(of_query):
        expected.sort(key=lambda event: event[2])
        first, last = events.splits[query : query + 2]
        assert events.candidate[first:last].tolist() == [event[1] for event in expected]
        assert events.time[first:last].tolist() == [event[2] for event in expected]
    listed = events.candidates_of(np.array(asked, np.int64))
    assert listed.to_list() == [
        [event[1] for event in of_query[query]] if query >= 0 else [] for query in asked
    ]
    matrix = events.matrix(_CANDIDATES)
    assert matrix.shape == (_QUERIES, _CANDIDATES)
    for query, found in enumerate(matrix.toarray()):
        seen = {event[1] for event in of_query[query]}
        assert found.tolist() == [float(number in seen) for number in range(_CANDIDATES)]
