"""The serving module in this process, around towers that read what the default does not.

The towers are not trained: their variables are drawn, and scores follow from them by hand.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf

from components.datasets.movielens import MOVIELENS
from components.examples.hashing import candidate_hash
from components.serving.indexes.index import BruteForce
from components.serving.interface import DEFAULTS
from components.serving.ranking import MISS
from components.serving.scorers import TowerScorer
from components.serving.serving_module import RetrievalServing
from components.serving.train_data import TrainData
from components.trainer.candidate_features import side_by_side
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.query_tower import QueryTower
from components.transform import preprocessing
from components.transform.graph import TransformGraph
from tests.components.numpy_tower import NumpyTower, Request
from tests.components.oracle import Oracle
from tests.components.steps import Artifacts

_HYPERPARAMETERS = Hyperparameters(
    embedding_dimension=4, hidden_units=5, session_decays=(600.0, 86400.0)
)
_NOW = 900_000_000

# Titles and times, oldest first.
Events = list[tuple[str, int]]


@dataclasses.dataclass(frozen=True)
class Example:
    """A row to evaluate.

    Attributes:
        user: Who.
        title: What.
        history: Titles and times of what the row may know.
        seen: Titles that must not be served.
        time: When.
        gender: Label of the user.
        age: Lower bound of the age group of the user.
    """

    user: str
    title: str
    history: Events = dataclasses.field(default_factory=list)
    seen: Sequence[str] = ()
    time: int = _NOW
    gender: int = 0
    age: float = 25.0

    def serialize(self) -> bytes:
        """As a tf.Example."""
        listed = [candidate_hash(np.array([*names], object)) for names in (self._titles, self.seen)]
        columns = {
            "user_id": tf.train.BytesList(value=[self.user.encode()]),
            "movie_title": tf.train.BytesList(value=[self.title.encode()]),
            "timestamp": tf.train.Int64List(value=[self.time]),
            "history": tf.train.Int64List(value=listed[0]),
            "history_times": tf.train.Int64List(value=[time for _, time in self.history]),
            "seen_candidates": tf.train.Int64List(value=listed[1]),
            "user_gender": tf.train.Int64List(value=[self.gender]),
            "bucketized_user_age": tf.train.FloatList(value=[self.age]),
            "user_occupation_label": tf.train.Int64List(value=[3]),
        }
        features = {
            name: tf.train.Feature(
                **{type(values).__name__.replace("List", "_list").lower(): values}
            )
            for name, values in columns.items()
        }
        return bytes(
            tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        )

    @property
    def _titles(self) -> list[str]:
        return [title for title, _ in self.history]


@dataclasses.dataclass(frozen=True)
class Known:
    """The data set, as the module and as the oracle read it."""

    data: TrainData
    oracle: Oracle


@pytest.fixture(scope="module")
def known(artifacts: Artifacts) -> Known:
    inputs = {name: [artifact] for name, artifact in artifacts.training_inputs().items()}
    oracle = Oracle(artifacts.examples, artifacts.transform_graph)
    return Known(TrainData.read(inputs, with_history=True), oracle)


class Serving:
    """A module, and its scores by hand.

    Args:
        known: The data set.
        hyperparameters: Of the query tower.
        history_length: Events that a request reads at most.
        biases: How many coordinates of the candidates are biases.
    """

    def __init__(
        self,
        known: Known,
        hyperparameters: Hyperparameters,
        history_length: int = 512,
        biases: int = 0,
    ) -> None:
        self.oracle, data = known.oracle, known.data
        rng = np.random.default_rng(1)
        tower = QueryTower(
            data.events.queries,
            len(data.candidates),
            preprocessing.query_feature_widths(),
            side_by_side(data.candidates.features),
            hyperparameters,
        )
        for variable in tower.trainable_variables:
            variable.assign(rng.normal(0, 1, variable.shape))
        self._vectors = rng.normal(0, 1, [len(data.candidates), 5])
        self._tower = NumpyTower(tower, hyperparameters)
        self._length = history_length
        self.module = RetrievalServing(
            BruteForce(
                TowerScorer(
                    tower,
                    self._vectors,
                    biases,
                    hyperparameters.reads_time,
                    MOVIELENS.context_features() if hyperparameters.query_features else (),
                ),
                len(data.candidates),
            ),
            data.candidates,
            data.events,
            history_length,
            TransformGraph(data.transform_graph),
            MOVIELENS,
        )

    def scores(
        self,
        events: Events,
        time: int,
        user: str = "",
        features: dict[str, int] | None = None,
    ) -> dict[str, float]:
        """Score of each title that somebody with these events did not see."""
        places, users = self.oracle.places, self.oracle.users
        history = [(places[title], time - when) for title, when in events if when < time]
        request = Request(
            query=users.index(user) if user in users else -1,
            history=history[-self._length :],
            seen=[places[title] for title in dict.fromkeys(title for title, _ in events)],
            features=features or {},
        )
        scores = self._vectors @ self._tower.vector(request)
        seen = {title for title, _ in events}
        return {title: scores[places[title]] for title in places if title not in seen}

    def events(self, user: str) -> Events:
        """The train events of a user."""
        return [(title, time) for time, title in sorted(self.oracle.train[user])]

    def evaluate(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        """What the module finds of rows."""
        serialized = tf.constant([example.serialize() for example in examples])
        return {name: found.numpy() for name, found in self.module.evaluate(serialized).items()}

    def recommend(self, users: Sequence[str], **given: Any) -> dict[str, tf.Tensor]:
        """Lists for users."""
        return self.module.recommend(tf.constant(users, tf.string), **_asked(given))

    def recommend_from_history(self, events: Any, **given: Any) -> dict[str, tf.Tensor]:
        """Lists for those who name their events."""
        return self.module.recommend_from_history(
            tf.constant(events, tf.string),
            **{"event_times": tf.constant([[-1]], tf.int64)} | _asked(given),
        )


def _asked(given: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """What a request tells beside whom it is for, and defaults."""
    types = {
        "exclude": tf.string,
        "exclude_seen": tf.bool,
        "exact": tf.bool,
        "k": tf.int32,
        "request_time": tf.int64,
    }
    asked = {name: tf.constant(DEFAULTS[name], dtype) for name, dtype in types.items()}
    for name, values in given.items():
        is_time = name.endswith(("time", "times"))
        asked[name] = tf.constant(values, types.get(name, tf.int64 if is_time else None))
    return asked


def _assert_lists(answer: dict[str, tf.Tensor], expected: Sequence[dict[str, float]]) -> None:
    """The best titles of each row stand in its list, best first."""
    titles, scores = answer["movie_title"].numpy(), answer["score"].numpy()
    for listed, found, wanted in zip(titles.tolist(), scores, expected, strict=True):
        best = sorted(wanted, key=lambda title: -wanted[title])[:100]
        assert [title.decode() for title in listed[: len(best)]] == best
        np.testing.assert_allclose(
            found[: len(best)], [wanted[title] for title in best], rtol=1e-3, atol=1e-3
        )


def _rank(scores: dict[str, float], title: str) -> int:
    return sum(score >= scores[title] for score in scores.values()) if title in scores else MISS


def test_what_was_seen_twice_counts_once_in_lists_and_in_evaluation(known: Known) -> None:
    serving = Serving(known, dataclasses.replace(_HYPERPARAMETERS, history="all"))
    counts = {
        user: collections.Counter(title for _, title in events).most_common(1)[0][1]
        for user, events in serving.oracle.train.items()
    }
    users = [user for user, most in counts.items() if most > 1]
    assert users
    rows = [next(row for row in serving.oracle.rows if row.user == user) for user in users]
    answer = serving.recommend([row.user for row in rows], request_time=[row.time for row in rows])
    expected = [serving.scores(serving.events(row.user), row.time, row.user) for row in rows]
    _assert_lists(answer, expected)
    outputs = serving.evaluate(
        [Example(row.user, row.title, row.history, row.seen, row.time) for row in rows]
    )
    ranks = [_rank(scores, row.title) for scores, row in zip(expected, rows, strict=True)]
    assert outputs["unseen_rank"].tolist() == ranks


def test_only_the_latest_events_are_read(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS, history_length=3)
    user = max(serving.oracle.train, key=lambda user: len(serving.oracle.train[user]))
    events = serving.events(user)
    times = [events[10][1] + 1, events[-1][1] + 60]
    expected = [serving.scores(events, time) for time in times]
    answer = serving.recommend([user] * 2, request_time=times)
    _assert_lists(answer, expected)
    titles, whens = zip(*events, strict=True)
    answer = serving.recommend_from_history(
        [titles] * 2, event_times=[whens] * 2, request_time=times
    )
    _assert_lists(answer, expected)


def test_a_request_brings_the_features_that_are_read(known: Known) -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, query_features=True, query_id=True)
    serving = Serving(known, hyperparameters)
    users = ["5", "5", "nobody", "nobody"]
    features = [
        {
            "query_user_gender": 1,
            "query_bucketized_user_age": 2,
            "query_user_occupation_label": 17,
        },
        # Without a label there is none, without an age the bucket of those without one.
        {"query_bucketized_user_age": 7},
        {"query_bucketized_user_age": 0, "query_user_occupation_label": 0},
        {"query_user_gender": 0, "query_bucketized_user_age": 6},
    ]
    # What somebody known does not tell is what train says.
    known_features = serving.oracle.features("5")
    given = {
        "user_gender": tf.constant([1, -1, -1, 0], tf.int64),
        "bucketized_user_age": tf.constant([25.0, np.nan, 1.0, 56.0]),
        "user_occupation_label": tf.constant([17, -1, 0, -1], tf.int64),
    }
    answer = serving.recommend(users, request_time=[_NOW], **given)
    expected = [
        serving.scores(serving.events(user), _NOW, user, found)
        for user, found in zip(users, [features[0], known_features, *features[2:]], strict=True)
    ]
    _assert_lists(answer, expected)
    sitting = [("unknown", _NOW - 5), (serving.oracle.titles[7], _NOW - 1)]
    events, times = zip(*sitting, strict=True)
    answer = serving.recommend_from_history(
        [events] * 4, event_times=[times], request_time=[_NOW], **given
    )
    _assert_lists(answer, [serving.scores(sitting, _NOW, features=found) for found in features])
    # Some of them may be told, and others not; here for all requests at once.
    told = {name: values[:1] for name, values in given.items()}
    told["user_gender"] = given["user_gender"][1:2]
    answer = serving.recommend(["5", "nobody"], request_time=[_NOW], **told)
    known_gender = {"query_user_gender": known_features["query_user_gender"]}
    ungendered = {name: of for name, of in features[0].items() if name not in known_gender}
    mixed = [
        serving.scores(serving.events("5"), _NOW, "5", {**ungendered, **known_gender}),
        serving.scores([], _NOW, "nobody", ungendered),
    ]
    _assert_lists(answer, mixed)
    # The default signature has no features to give.
    answer = serving.module.serve(tf.constant(["5", "nobody"]))
    later = [
        serving.scores(serving.events("5"), 4 * _NOW, "5", known_features),
        serving.scores([], 4 * _NOW, "nobody", {"query_bucketized_user_age": 7}),
    ]
    _assert_lists(answer, later)


def test_requests_that_train_does_not_know_are_told_apart(known: Known) -> None:
    """In one second, of users that nothing was seen of, and of those who saw the same."""
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, query_features=True)
    serving = Serving(known, hyperparameters)
    titles = serving.oracle.titles
    histories = [[], [], [(titles[3], _NOW - 10)], [(titles[3], _NOW - 10_000)]]
    examples = [
        Example(f"stranger {place}", titles[20], history, [t for t, _ in history], gender=place % 2)
        for place, history in enumerate(histories)
    ]
    outputs = serving.evaluate(examples)
    features = {"query_bucketized_user_age": 2, "query_user_occupation_label": 3}
    for place, example in enumerate(examples):
        own = {"query_user_gender": example.gender, **features}
        scores = serving.scores(example.history, _NOW, features=own)
        assert outputs["unseen_rank"][place] == _rank(scores, titles[20])
        long_ago = [(title, _NOW - 180 * 86400) for title, _ in example.history]
        scores = serving.scores(long_ago, _NOW, features=own)
        assert outputs["returning_rank"][place] == _rank(scores, titles[20])
    assert len(set(outputs["request"])) == 4
    assert len(set(outputs["unseen_rank"])) == 4


@pytest.mark.parametrize("reads_time", [True, False])
def test_rows_of_one_request_share_it(known: Known, reads_time: bool) -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, history="all")
    if not reads_time:
        hyperparameters = dataclasses.replace(hyperparameters, session_decays=())
    serving = Serving(known, hyperparameters)
    titles = serving.oracle.titles
    examples = [
        Example("5", titles[30], [(titles[0], 7)], [titles[0]]),
        Example("5", titles[31], [(titles[0], 7)], [titles[0]]),
        Example("5", titles[30], [(titles[0], 7)], [titles[0]], time=_NOW + 1),
        Example("5", titles[30], [(titles[0], 7)], [titles[0], titles[1]]),
        Example("6", titles[30], [(titles[0], 7)], [titles[0]]),
    ]
    request = serving.evaluate(examples)["request"].tolist()
    assert request[0] == request[1]
    assert (request[0] == request[2]) != reads_time
    assert len({request[0], request[3], request[4]}) == 3


def test_evaluation_by_hand(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    titles, train = serving.oracle.titles, serving.events("5")
    seen = [title for title, _ in train]
    unseen = [title for title in titles if title not in seen]
    history = train[:4]
    newcomer = "Not Made Yet (2031)"
    examples = [
        Example("5", unseen[0], history, seen),
        Example("5", seen[0], history, seen),  # must not be served
        Example("5", newcomer, history, seen),  # cannot be served
        # What the catalogue does not have is in no list, and no reason to miss.
        Example("5", unseen[0], [*history, (newcomer, _NOW - 1)], [*seen, newcomer]),
        Example("stranger", unseen[0]),
    ]
    outputs = serving.evaluate(examples)
    scores = serving.scores(history, _NOW)
    rank = _rank({title: scores[title] for title in unseen}, unseen[0])
    nothing = _rank(serving.scores([], _NOW), unseen[0])
    assert outputs["unseen_rank"].tolist() == [rank, MISS, MISS, rank, nothing]
    assert outputs["rank"][2] == MISS
    assert outputs["rank"][1] > 0
    assert outputs["in_train"].tolist() == [False, True, False, False, False]
    assert outputs["usable"].all()
    assert outputs["top"].shape == (5, 10)
    assert outputs["top"][0].tolist() == outputs["top"][1].tolist()
    assert outputs["query_norm"][0] == pytest.approx(outputs["query_norm"][3])
    assert outputs["query_norm"][0] != pytest.approx(outputs["query_norm"][4])


def test_no_rows_are_no_error(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    nobody = np.zeros([0, 0], object)
    for answer in (
        serving.recommend([]),
        serving.recommend_from_history(nobody),
        serving.module.similar_items(tf.constant([], tf.string), tf.constant([3])),
    ):
        assert answer["score"].shape[0] == answer["count"].shape[0] == 0


def test_each_request_has_its_own_number_of_candidates(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    catalogue = len(serving.oracle.titles)
    user, other = list(serving.oracle.train)[:2]
    users = [user, other, "nobody", user]
    answer = serving.recommend(users, request_time=[_NOW], k=[1, 7, catalogue, catalogue])
    left = catalogue - len({title for title, _ in serving.events(user)})
    assert answer["count"].numpy().tolist() == [1, 7, catalogue, left]
    titles, scores = answer["movie_title"].numpy(), answer["score"].numpy()
    assert titles.shape == answer["movie_id"].shape == scores.shape == (4, catalogue)
    for row, count in enumerate(answer["count"].numpy()):
        events = [] if users[row] == "nobody" else serving.events(users[row])
        expected = serving.scores(events, _NOW)
        best = sorted(expected, key=lambda title: -expected[title])[:count]
        assert [title.decode() for title in titles[row, :count]] == best
        assert set(titles[row, count:]) <= {b""}
        assert np.all(scores[row, count:] == np.finfo(np.float32).min)
    # Alone, a request has no places left over.
    assert serving.recommend([user], k=[catalogue])["score"].shape == (1, left)


@pytest.mark.parametrize("k", [-1, 1_000_000])
def test_a_k_out_of_range_is_told(known: Known, k: int) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    with pytest.raises(tf.errors.InvalidArgumentError, match="has to be between 1 and"):
        serving.recommend(["5"], k=[k])


def test_what_is_left_out_is_told_by_whoever_asks(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    user = next(iter(serving.oracle.train))
    events = serving.events(user)
    catalogue = len(serving.oracle.titles)
    everything = serving.recommend([user], request_time=[_NOW], exclude_seen=[False], k=[catalogue])
    listed = [title.decode() for title in everything["movie_title"].numpy()[0]]
    assert sorted(listed) == sorted(serving.oracle.titles)
    seen = {title for title, _ in events}
    unseen = [title for title in listed if title not in seen]
    named = [unseen[0], "", "Unheard of (1995)", unseen[2]]
    answer = serving.recommend([user, user], request_time=[_NOW], exclude=[named], k=[5])
    for row in answer["movie_title"].numpy():
        assert [title.decode() for title in row] == [unseen[place] for place in (1, 3, 4, 5, 6)]
    # The same by ids, and without the events that a caller names.
    ids = everything["movie_id"].numpy()[0].tolist()
    by_id = [ids[listed.index(title)] for title in (unseen[0], unseen[2])]
    titles, times = zip(*events, strict=True)
    for without, expected in ((True, unseen), (False, listed)):
        answer = serving.recommend_from_history(
            [titles],
            event_times=[times],
            request_time=[_NOW],
            exclude=[by_id],
            exclude_seen=[without],
            k=[9],
        )
        kept = [title for title in expected if title not in (unseen[0], unseen[2])]
        assert [title.decode() for title in answer["movie_title"].numpy()[0]] == kept[:9]


def test_a_query_vector_gives_the_scores_of_its_list(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    user = next(iter(serving.oracle.train))
    found = serving.module.query_embedding(
        tf.constant([user, "nobody"]), request_time=tf.constant([_NOW], tf.int64)
    )
    vectors = found["embedding"].numpy()
    scores = serving.module.scorer.candidate_vectors.numpy() @ vectors[0]
    expected = serving.scores(serving.events(user), _NOW)
    places = [serving.oracle.places[title] for title in expected]
    np.testing.assert_allclose(scores[places], list(expected.values()), rtol=1e-3, atol=1e-3)
    assert vectors.shape == (2, 5)
    assert not np.allclose(vectors[0], vectors[1])


def test_similar_candidates_by_cosine(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS, biases=1)
    oracle = serving.oracle
    vectors = serving.module.scorer.candidate_vectors.numpy()[:, :-1]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    place = 5
    ids = dict(zip(oracle.titles, serving.module.catalogue.ids.numpy().tolist(), strict=True))
    names = [oracle.titles[place], ids[oracle.titles[place]].decode(), "Unheard of (1995)"]
    answer = serving.module.similar_items(tf.constant(names), tf.constant([4]))
    assert answer["count"].numpy().tolist() == [4, 4, 0]
    order = [near for near in np.argsort(-(unit @ unit[place])) if near != place][:4]
    for row in (0, 1):
        titles = [title.decode() for title in answer["movie_title"].numpy()[row]]
        assert titles == [oracle.titles[near] for near in order]
        np.testing.assert_allclose(
            answer["score"].numpy()[row], (unit @ unit[place])[order], rtol=1e-4, atol=1e-5
        )
    assert set(answer["movie_title"].numpy()[2]) == {b""}


def test_what_is_known_of_a_query_is_told(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    user = next(iter(serving.oracle.train))
    found = serving.module.query_history(tf.constant([user, "nobody"]))
    titles, times = zip(*serving.events(user), strict=True)
    assert found["count"].numpy().tolist() == [len(titles), 0]
    told = list(zip(found["movie_title"].numpy()[0], found["event_times"].numpy()[0], strict=True))
    assert sorted((title.decode(), time) for title, time in told) == sorted(
        zip(titles, times, strict=True)
    )
    assert [time for _, time in told] == sorted(times)
    assert set(found["movie_title"].numpy()[1]) == {b""}
    assert set(found["event_times"].numpy()[1]) == {-1}


def test_the_nearest_event_explains(known: Known) -> None:
    serving = Serving(known, _HYPERPARAMETERS, biases=1)
    titles = serving.oracle.titles
    vectors = serving.module.scorer.candidate_vectors.numpy()[:, :-1]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = serving.module.catalogue.ids.numpy().tolist()
    places = {
        title: place for place, title in enumerate(serving.module.catalogue.titles.numpy().tolist())
    }
    seen, asked = titles[3:9], [titles[20], titles[3], ids[places[titles[30].encode()]].decode()]
    found = serving.module.explain(
        tf.constant([[*seen, "Unheard of (1995)"], [""] * 7]),
        tf.constant([[*asked, "Unheard of (1995)"]] * 2),
    )
    cosines = unit[[20, 3, 30]] @ unit[3:9].T
    nearest = [titles[3 + place].encode() for place in cosines.argmax(axis=1)]
    assert found["movie_title"].numpy().tolist() == [[*nearest, b""], [b""] * 4]
    np.testing.assert_allclose(found["score"].numpy()[0, :3], cosines.max(axis=1), rtol=1e-4)
    assert found["score"].numpy()[1].tolist() == [0] * 4


def test_labels_are_named(known: Known, artifacts: Artifacts) -> None:
    serving = Serving(known, _HYPERPARAMETERS)
    found = serving.module.indexed_candidates()
    labels = dict(zip(found["movie_id"].numpy(), found["labels"].numpy(), strict=True))
    names = MOVIELENS.candidate_features["movie_genres"].labels
    rows = pa.parquet.read_table(f"{artifacts.candidates.uri}/Split-train").to_pylist()
    assert len(rows) == len(labels)
    for row in rows:
        told = labels[row["movie_id"][0]].decode().split(", ")
        assert told == [names[code] for code in sorted(row["movie_genres"])]
