"""The SavedModel in a fresh process that knows nothing but TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.components.conftest import HYPERPARAMETERS
from tests.components.numpy_tower import LONG_AGO, NumpyTower, Request
from tests.components.oracle import Oracle
from tests.components.steps import Artifacts

_FAR_FUTURE = 4_000_000_000
_NOW = 900_000_000
# The lowest finite score, of places that are left over.
_LOWEST = float(np.finfo(np.float32).min)
_SERVE = """
import json, pathlib, sys
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

path = sys.argv[1]
model = tf.saved_model.load(path)
file = saved_model_pb2.SavedModel.FromString(pathlib.Path(path, "saved_model.pb").read_bytes())
saved = file.meta_graphs[0].signature_def

def plain(values):
    values = values.tolist()
    return [[text.decode() for text in row] for row in values] if values[0:1] and isinstance(
        values[0], list) and values[0][0:1] and isinstance(values[0][0], bytes) else values

requests = json.load(sys.stdin)
answers = []
for name, inputs in requests:
    types = model.signatures[name].structured_input_signature[1]
    given = {key: tf.make_ndarray(value) for key, value in saved[name].defaults.items()}
    given |= inputs
    given = {key: tf.constant(values, types[key].dtype) for key, values in given.items()}
    answer = model.signatures[name](**given)
    answers.append({key: plain(tensor.numpy()) for key, tensor in answer.items()})
specified = {
    name: {
        key: [given.dtype.name, given.shape.as_list(), key in saved[name].defaults]
        for key, given in signature.structured_input_signature[1].items()
    }
    for name, signature in model.signatures.items()
}
# As a server runs it, which leaves it to the graph to fill in what is not given.
served = []
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], path).signature_def
    for name, inputs in requests:
        answer = session.run(
            {key: output.name for key, output in graph[name].outputs.items()},
            {graph[name].inputs[key].name: values for key, values in inputs.items()},
        )
        served.append({key: plain(values) for key, values in answer.items()})
print(json.dumps({"inputs": specified, "answers": answers, "served": served}))
"""

# Times and titles, oldest first.
Events = list[tuple[int, str]]


@dataclasses.dataclass(frozen=True)
class Served:
    """A list that was served."""

    titles: list[str]
    ids: list[str]
    scores: list[float]
    count: int


class Expectation:
    """What a user did, and the list that follows from it by hand.

    Args:
        artifacts: The data set and its model.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self.oracle = Oracle(artifacts.examples, artifacts.transform_graph)
        scorer = tf.saved_model.load(f"{artifacts.model.uri}/Format-Serving").scorer
        self._tower = NumpyTower(scorer.query_tower, HYPERPARAMETERS)
        self._candidates = scorer.candidate_vectors.numpy()
        users = sorted(self.oracle.train, key=lambda user: -len(self.oracle.train[user]))
        self.users = [users[0], users[20], users[-1]]
        items = Path(artifacts.source, "u.item").read_text("latin-1").splitlines()
        self.titles_of_ids = dict(line.split("|")[:2] for line in items)

    def events(self, user: str) -> Events:
        """The train events of a user."""
        return sorted(self.oracle.train[user])

    def times(self) -> list[tuple[str, int]]:
        """Users and times to ask at: that of an event, the second after, and all events' end."""
        asked = []
        for user in self.users:
            events = self.events(user)
            middle = events[len(events) // 2][0]
            asked += [
                (user, time) for time in (events[0][0], middle, middle + 1, events[-1][0] + 9)
            ]
        return asked

    def best(self, events: Events, now: int) -> tuple[list[str], list[float]]:
        """Titles and scores for somebody with these events at a time."""
        oracle = self.oracle
        history = [(oracle.places[title], now - time) for time, title in events if time < now]
        scores = self._candidates @ self._tower.vector(Request(-1, history))
        seen = {title for _, title in events}
        kept = [place for place, title in enumerate(oracle.titles) if title not in seen]
        best = sorted(kept, key=lambda place: -scores[place])[:100]
        return [oracle.titles[place] for place in best], [scores[place] for place in best]


@pytest.fixture(scope="module")
def expectation(artifacts: Artifacts) -> Expectation:
    return Expectation(artifacts)


def _from_history(rows: Sequence[Events], times: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """A request by events, filled up to the longest row."""
    longest = max(len(row) for row in rows)
    padded = [[*row, *[(-1, "")] * (longest - len(row))] for row in rows]
    inputs = {
        "events": [[title for _, title in row] for row in padded],
        "event_times": [[time for time, _ in row] for row in padded],
        "request_time": list(times),
    }
    return "recommend_from_history", inputs


def _requests(expectation: Expectation) -> dict[str, tuple[str, dict[str, Any]]]:
    """Signature and inputs, by the name under which tests find the answer."""
    users = [*expectation.users, "nobody"]
    asked = expectation.times()
    shared = expectation.titles_of_ids["2"]
    others = [expectation.titles_of_ids[number] for number in ("7", "11")]
    sitting = [(_NOW - 5000, others[0]), (_NOW - 60, shared), (_NOW - 3, others[1])]
    return {
        "default": ("serving_default", {"user_id": users}),
        "now": ("recommend", {"user_id": users, "request_time": [-1] * 4}),
        "far future": ("recommend", {"user_id": users, "request_time": [_FAR_FUTURE] * 4}),
        "at a time": (
            "recommend",
            {"user_id": [user for user, _ in asked], "request_time": [time for _, time in asked]},
        ),
        "own events": _from_history(
            [expectation.events(user) for user, _ in asked], [time for _, time in asked]
        ),
        "own events now": _from_history([expectation.events(user) for user in users[:3]], [-1] * 3),
        "one sitting": _from_history(
            [
                sitting,
                [
                    (time, number)
                    for (time, _), number in zip(sitting, ["7", "2", "11"], strict=True)
                ],
                [sitting[0], (_NOW - 60, "159"), sitting[2]],
                [sitting[2], sitting[0], sitting[1]],
                [(-1, ""), sitting[0], (_NOW - 1, "Unheard of (1995)"), *sitting[1:], (5, "")],
                # Both are seen, and neither is context.
                [*sitting, (_NOW, expectation.titles_of_ids["20"]), (_NOW + 9, "21")],
            ],
            [_NOW] * 6,
        ),
        "without times": _from_history(
            [
                [(-1, title) for _, title in sitting],
                [(_NOW - LONG_AGO, title) for _, title in sitting],
                [(-1, sitting[0][1]), *sitting[1:]],
                [(_NOW - LONG_AGO, sitting[0][1]), *sitting[1:]],
            ],
            [_NOW] * 4,
        ),
        "no events": ("recommend_from_history", {**_from_history([[]], [_NOW])[1]}),
        "nearly all": _from_history(
            [[(_NOW - 9, title) for title in expectation.oracle.titles[:100]]], [_NOW]
        ),
        "nearly all, beside nothing": _from_history(
            [[(_NOW - 9, title) for title in expectation.oracle.titles[:100]], []], [_NOW] * 2
        ),
    }


@pytest.fixture(scope="module")
def answer(artifacts: Artifacts, expectation: Expectation) -> dict[str, Any]:
    """The answers to all requests, and the inputs of the signatures."""
    requests = _requests(expectation)
    result = subprocess.run(
        [sys.executable, "-c", _SERVE, f"{artifacts.model.uri}/Format-Serving"],
        input=json.dumps([*requests.values()]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answered: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return {
        "inputs": answered["inputs"],
        "in Python": answered["answers"],
        "by a server": answered["served"],
        **dict(zip(requests, answered["answers"], strict=True)),
    }


def _served(answer: dict[str, Any], name: str) -> list[Served]:
    found = answer[name]
    names = ("movie_title", "movie_id", "score", "count")
    rows = zip(*(found[name] for name in names), strict=True)
    return [Served(*row) for row in rows]


def _assert_is(served: Served, titles: list[str], scores: list[float]) -> None:
    assert served.count == len(titles)
    assert served.titles[: len(titles)] == titles
    assert set(served.titles[len(titles) :]) <= {""}
    np.testing.assert_allclose(served.scores[: len(scores)], scores, rtol=1e-4, atol=1e-5)
    assert set(served.scores[len(scores) :]) <= {_LOWEST}


def _assert_same(one: Served, other: Served) -> None:
    assert (one.titles, one.ids) == (other.titles, other.ids)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)


def test_the_inputs_of_each_signature(answer: dict[str, Any]) -> None:
    ids = ["string", [None], False]
    time = {"request_time": ["int64", [None], True]}
    k = {"k": ["int32", [None], True]}
    which = {
        "exclude": ["string", [None, None], True],
        "exclude_seen": ["bool", [None], True],
        "exact": ["bool", [None], True],
        **k,
        **time,
    }
    assert answer["inputs"] == {
        "serving_default": {"user_id": ids},
        "recommend": {"user_id": ids, **which},
        "recommend_from_history": {
            "events": ["string", [None, None], False],
            "event_times": ["int64", [None, None], True],
            **which,
        },
        "query_embedding": {"user_id": ids, **time},
        "similar_items": {"item": ids, **k},
        "query_history": {"user_id": ids},
        "explain": {
            "events": ["string", [None, None], False],
            "items": ["string", [None, None], False],
        },
        "evaluation": {"examples": ids},
        "indexed_candidates": {},
    }


def test_a_server_fills_in_what_is_not_told(answer: dict[str, Any]) -> None:
    pairs = zip(answer["in Python"], answer["by a server"], strict=True)
    for in_python, by_a_server in pairs:
        np.testing.assert_allclose(in_python["score"], by_a_server["score"], rtol=1e-5)
        assert in_python == {**by_a_server, "score": in_python["score"]}


@pytest.mark.parametrize("name", ["now", "far future"])
def test_whoever_asks_without_a_time_asks_now(answer: dict[str, Any], name: str) -> None:
    """All events are longer ago than any that the model tells apart."""
    for one, other in zip(_served(answer, "default"), _served(answer, name), strict=True):
        _assert_same(one, other)


def test_ids_belong_to_their_titles(answer: dict[str, Any], expectation: Expectation) -> None:
    for served in _served(answer, "default"):
        for title, number in zip(served.titles, served.ids, strict=True):
            assert title == (expectation.titles_of_ids[number] if number else "")


def test_lists_at_a_time_follow_from_the_events_before_it(
    answer: dict[str, Any], expectation: Expectation
) -> None:
    asked = expectation.times()
    found = _served(answer, "at a time")
    for served, (user, time) in zip(found, asked, strict=True):
        _assert_is(served, *expectation.best(expectation.events(user), time))
    # An event counts from the second after it.
    assert found[1].titles != found[2].titles


def test_the_own_events_of_a_user_give_what_the_user_gets(answer: dict[str, Any]) -> None:
    for by_events, by_user in (("own events", "at a time"), ("own events now", "now")):
        served = _served(answer, by_events)
        for one, other in zip(served, _served(answer, by_user)[: len(served)], strict=True):
            _assert_same(one, other)


@pytest.mark.parametrize(
    ("form", "place"),
    [("ids", 1), ("another id of the title", 2), ("unsorted", 3), ("with what is nothing", 4)],
)
def test_one_sitting_in_other_forms_is_the_same(
    answer: dict[str, Any], form: str, place: int
) -> None:
    found = _served(answer, "one sitting")
    _assert_same(found[place], found[0])


def test_a_sitting_is_read_and_left_out(answer: dict[str, Any], expectation: Expectation) -> None:
    _, inputs = _requests(expectation)["one sitting"]
    found = _served(answer, "one sitting")
    sitting: Events = list(zip(inputs["event_times"][0], inputs["events"][0], strict=True))[:3]
    _assert_is(found[0], *expectation.best(sitting, _NOW))
    later = [(_NOW, expectation.titles_of_ids[number]) for number in ("20", "21")]
    _assert_is(found[5], *expectation.best([*sitting, *later], _NOW))
    assert {title for _, title in later} <= set(found[0].titles)


def test_events_without_a_time_are_long_ago(answer: dict[str, Any]) -> None:
    found = _served(answer, "without times")
    _assert_same(found[0], found[1])
    _assert_same(found[2], found[3])
    assert found[0].titles != found[2].titles


def test_whoever_is_unknown_gets_a_whole_list(
    answer: dict[str, Any], expectation: Expectation
) -> None:
    nobody, nothing = _served(answer, "default")[-1], _served(answer, "no events")[0]
    _assert_same(nobody, nothing)
    _assert_is(nobody, *expectation.best([], _FAR_FUTURE))
    assert len(set(nobody.titles)) == 100
    # What is popular comes first, if the model has learned that much.
    popularity = expectation.oracle.popularity
    first, last = (
        sum(popularity[title] for title in titles)
        for titles in (nobody.titles[:20], nobody.titles[-20:])
    )
    assert first > 2 * last


def test_where_little_is_left_places_are_empty(
    answer: dict[str, Any], expectation: Expectation
) -> None:
    [served] = _served(answer, "nearly all")
    left = len(expectation.oracle.titles) - 100
    assert 0 < left < 100
    assert served.count == left
    assert sorted(served.titles) == sorted(expectation.oracle.titles[100:])
    assert len(served.ids) == len(served.scores) == left
    # Beside a longer list, the shorter one has places left over.
    shorter, longer = _served(answer, "nearly all, beside nothing")
    assert (shorter.count, longer.count) == (left, 100)
    assert shorter.titles == [*served.titles, *[""] * (100 - left)]
    assert shorter.ids[left:] == [""] * (100 - left)
    assert shorter.scores[left:] == [_LOWEST] * (100 - left)
