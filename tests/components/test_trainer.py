"""What the Trainer reads, learns and keeps, and that equal seeds give equal models."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from components.datasets.movielens import MOVIELENS
from components.examples import parquet
from components.examples.hashing import candidate_hash
from components.serving.query_events import QueryEvents
from components.serving.scorers import DotProductScorer, TowerScorer
from components.trainer import index, initial_weights, training
from components.trainer.batches import Contexts
from components.trainer.candidate_features import side_by_side
from components.trainer.candidate_tower import CandidateTower
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.model import TwoTowerModel
from components.trainer.training import Training
from components.transform import preprocessing, reading
from components.transform.reading import CandidateTable, Interactions
from tests.components.interactions import Event, draw_events, interactions
from tests.components.numpy_tower import DAY, NumpyTower, Request
from tests.components.steps import Artifacts

_QUERIES, _CANDIDATES = 12, 40
_TRAIN = draw_events(_QUERIES, _CANDIDATES, events=400, seed=1)
_VALID = draw_events(_QUERIES, _CANDIDATES, events=50, seed=2)
_LABELS = (np.arange(_CANDIDATES)[:, None] % [2, 3, 5] == 0).astype(np.float32)
_BUCKETS = np.arange(_CANDIDATES) % 4
_FEATURES = {"candidate_labels": _LABELS, "candidate_bucket": _BUCKETS}
_HYPERPARAMETERS = Hyperparameters(
    embedding_dimension=8, hidden_units=16, batch_size=64, epochs=2, patience=0
)
_WITHOUT_DROPOUT = dataclasses.replace(
    _HYPERPARAMETERS,
    history_dropout=0.0,
    session_dropout=0.0,
    hidden_dropout=0.0,
    query_dropout=0.0,
)
# Variables that the default hyperparameters make.
_OF_DEFAULT = {
    "constant",
    "size_vectors",
    "event_vectors",
    "event_feature_vectors",
    "age_vectors",
    "channel_scales",
    "hidden_kernel",
    "hidden_bias",
    "output_kernel",
    "candidate_embedding",
    "feature_vectors",
    "candidate_bias",
}


def _table() -> CandidateTable:
    names = np.array([f"{number}".encode() for number in range(_CANDIDATES)], object)
    return CandidateTable(names, names, names, names, _FEATURES)


def _with_features(split: Interactions) -> Interactions:
    return dataclasses.replace(split, features={"query_group": split.query % 3})


def _train(
    hyperparameters: Hyperparameters, folder: Path, checkpoints: str | None = None
) -> Training:
    train_split = _with_features(interactions(_TRAIN))
    return training.train(
        train_split,
        _with_features(interactions(_VALID, train=_TRAIN)),
        _table(),
        QueryEvents.in_train(train_split, _QUERIES),
        {"query_group": 3},
        hyperparameters,
        str(folder),
        checkpoints,
    )


def _model(hyperparameters: Hyperparameters) -> TwoTowerModel:
    counts = np.bincount([event[1] for event in _TRAIN], minlength=_CANDIDATES)
    popularity = (counts + 1) / (counts + 1).sum()
    model = TwoTowerModel(
        _QUERIES, counts, popularity, _FEATURES, {"query_group": 3}, hyperparameters
    )
    model.compile(optimizer=tf_keras.optimizers.Adam(0.01))
    return model


def _weights(model: TwoTowerModel) -> dict[str, np.ndarray]:
    """Every variable of the towers by its name."""
    towers = (model.query_tower, model.candidate_tower)
    variables = [variable for tower in towers for variable in tower.trainable_variables]
    return {variable.name.removesuffix(":0"): variable.numpy() for variable in variables}


def _assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert set(one) == set(other)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_candidate_vectors_by_hand() -> None:
    popularity = np.arange(1, _CANDIDATES + 1) / np.arange(1, _CANDIDATES + 1).sum()
    tower = CandidateTower(popularity, side_by_side(_FEATURES), _HYPERPARAMETERS)
    catalogue = tower.catalogue().numpy()
    buckets, labels = np.split(tower.feature_vectors.numpy(), [4])
    for candidate, vector in enumerate(catalogue):
        expected = tower.embedding.numpy()[candidate] + buckets[candidate % 4]
        expected = expected + sum(labels[at] for at in range(3) if candidate % (2, 3, 5)[at] == 0)
        expected = np.append(expected, np.log(popularity[candidate]))
        np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-6)
    some = tf.constant([7, 0, 7], tf.int64)
    np.testing.assert_allclose(tower(some), catalogue[[7, 0, 7]], rtol=1e-6)
    plain = dataclasses.replace(_HYPERPARAMETERS, candidate_bias=False)
    tower = CandidateTower(popularity, side_by_side({}), plain)
    np.testing.assert_array_equal(tower.catalogue(), tower.embedding)


def test_what_stops_early_ends_with_its_best_epoch_and_else_with_the_last() -> None:
    history = {training.VALID_METRIC: [0.5, 0.7, 0.6]}
    for patience, expected in ((0, 0.6), (2, 0.7)):
        hyperparameters = dataclasses.replace(_HYPERPARAMETERS, patience=patience)
        assert training.valid_accuracy(history, hyperparameters) == expected


def test_train_events_weigh_by_their_age() -> None:
    times = np.array([0, 30, 10, 30]) * DAY
    assert training.event_weights(times, 0).tolist() == [1.0] * 4
    expected = np.exp([-3.0, 0.0, -2.0, 0.0])
    weights = training.event_weights(times, 10)
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-6)


def test_gradients_reach_every_variable_of_the_default() -> None:
    for changes, more in (
        ({}, set()),
        ({"query_id": True, "query_features": True}, {"query_embedding", "query_group"}),
    ):
        model = _model(dataclasses.replace(_HYPERPARAMETERS, **changes))  # type: ignore[arg-type]
        assert set(_weights(model)) == _OF_DEFAULT | more
        variables = model.trainable_variables
        assert {variable.ref() for variable in variables} == {
            variable.ref()
            for tower in (model.query_tower, model.candidate_tower)
            for variable in tower.trainable_variables
        }
        # A hidden layer that starts with zeros behind it learns from the second step on.
        model.query_tower.output_kernel.assign(tf.ones_like(model.query_tower.output_kernel))
        batch = Contexts(_with_features(interactions(_VALID, train=_TRAIN))).of(
            tf.range(50, dtype=tf.int64)
        )
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, training=True)
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            assert gradient is not None, variable.name
            assert np.abs(tf.convert_to_tensor(gradient).numpy()).max() > 0, variable.name


@pytest.mark.parametrize("softmax", ["full", "in_batch"])
def test_overfits_a_batch(softmax: str) -> None:
    model = _model(dataclasses.replace(_WITHOUT_DROPOUT, softmax=softmax))
    first_of_each = {event[1]: event for event in _TRAIN}
    batch = Contexts(_with_features(interactions(_TRAIN))).of(
        tf.constant([_TRAIN.index(event) for event in first_of_each.values()], tf.int64)
    )
    model.compile(optimizer=tf_keras.optimizers.Adam(0.03))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    at_first = float(model.compute_loss(batch))
    model.fit(data, epochs=1, steps_per_epoch=100, verbose=0)
    assert at_first > 2 * len(first_of_each)
    assert float(model.compute_loss(batch)) < 0.01 * at_first


def test_initial_weights_are_drawn_by_name_and_seed() -> None:
    def drawn(name: str, seed: int) -> np.ndarray:
        return np.asarray(initial_weights.normal(name, (50, 40), 0.05, seed).numpy())

    one = drawn("one", 3)
    assert one.std() == pytest.approx(0.05, rel=0.05)
    assert abs(one.mean()) < 0.005
    np.testing.assert_array_equal(one, drawn("one", 3))
    assert abs(np.corrcoef(one.ravel(), drawn("one", 4).ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(one.ravel(), drawn("other", 3).ravel())[0, 1]) < 0.1


def test_equal_seeds_give_equal_models_and_other_seeds_others(tmp_path: Path) -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, returning_share=0.3)
    one, same, other = (
        _train(dataclasses.replace(hyperparameters, seed=seed), tmp_path / str(place))
        for place, seed in enumerate((3, 3, 4))
    )
    _assert_equal(_weights(one.model), _weights(same.model))
    assert one.history == same.history
    for name, values in _weights(other.model).items():
        assert not np.array_equal(values, _weights(one.model)[name]), name


def test_an_epoch_in_one_call_is_its_steps_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = _train(_HYPERPARAMETERS, tmp_path / "at_once").model
    by_itself = TwoTowerModel.compile
    monkeypatch.setattr(
        TwoTowerModel,
        "compile",
        lambda model, optimizer, steps_per_execution: by_itself(model, optimizer=optimizer),
    )
    one_by_one = _train(_HYPERPARAMETERS, tmp_path / "one_by_one").model
    steps = _HYPERPARAMETERS.epochs * (len(_TRAIN) // _HYPERPARAMETERS.batch_size)
    assert at_once.optimizer.iterations == one_by_one.optimizer.iterations == steps
    for name, values in _weights(one_by_one).items():
        np.testing.assert_allclose(_weights(at_once)[name], values, atol=1e-5, err_msg=name)


def test_stops_early_and_restores_every_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots: list[dict[str, np.ndarray]] = []

    class Scripted(tf_keras.callbacks.Callback):
        """Says that the second epoch was the best, and keeps what it left."""

        def __init__(self, split: Interactions) -> None:
            super().__init__()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            logs[training.VALID_METRIC] = [0.5, 0.6, 0.55, 0.4, 0.9][epoch]
            snapshots.append(_weights(self.model))

    monkeypatch.setattr(training, "ValidAccuracy", Scripted)
    fitted = _train(dataclasses.replace(_HYPERPARAMETERS, epochs=5, patience=2), tmp_path)
    assert fitted.history[training.VALID_METRIC] == [0.5, 0.6, 0.55, 0.4]
    assert set(snapshots[1]) == _OF_DEFAULT
    for name, values in snapshots[1].items():
        assert not np.array_equal(values, snapshots[3][name]), name
    _assert_equal(_weights(fitted.model), snapshots[1])
    snapshots.clear()
    # Over before it stops.
    whole = _train(dataclasses.replace(_HYPERPARAMETERS, epochs=3, patience=2), tmp_path / "whole")
    assert whole.history[training.VALID_METRIC] == [0.5, 0.6, 0.55]
    _assert_equal(_weights(whole.model), snapshots[1])


def _hits(model: TwoTowerModel, within: int, valid: Sequence[Event]) -> tuple[float, float]:
    """Share of events among the best unseen candidates, and among the best of all."""
    tower = NumpyTower(model.query_tower, _HYPERPARAMETERS)
    catalogue = model.candidate_tower.catalogue().numpy().astype(np.float64)
    found = []
    for query, candidate, time in valid:
        own = sorted((event for event in _TRAIN if event[0] == query), key=lambda e: e[2])
        history = [(event[1], time - event[2]) for event in own if event[2] < time]
        scores = catalogue @ tower.vector(Request(query, history))
        unseen = [other for other in range(_CANDIDATES) if other not in {e[1] for e in own}]
        rank = np.sum(scores[unseen] >= scores[candidate])
        rank_of_all = np.sum(scores >= scores[candidate])
        found.append((candidate in unseen and rank <= within, rank_of_all <= within))
    unseen_hits, hits = np.mean(found, axis=0)
    return float(unseen_hits), float(hits)


def test_the_metric_of_the_valid_split_is_that_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_VALID_K", 10)
    monkeypatch.setattr(training, "_RANKING_BATCH", 16)
    fitted = _train(dataclasses.replace(_HYPERPARAMETERS, epochs=1), tmp_path)
    expected = _hits(fitted.model, 10, _VALID)
    assert 0 < expected[0] < 1
    names = (training.VALID_METRIC, "valid_top_100_accuracy")
    assert tuple(fitted.history[name][0] for name in names) == pytest.approx(expected)


def _fitted(model: TwoTowerModel) -> Training:
    return Training(model, np.arange(_CANDIDATES), {}, 0.0)


def test_a_training_that_diverged_is_not_exported() -> None:
    model = _model(_HYPERPARAMETERS)
    values = model.query_tower.hidden_bias.numpy()
    values[3] = np.inf
    model.query_tower.hidden_bias.assign(values)
    with pytest.raises(ValueError, match="lower the learning rate"):
        index.build_scorer(_fitted(model), _QUERIES, _HYPERPARAMETERS, ())


@pytest.mark.parametrize(
    ("changes", "reads_history", "query_features"),
    [
        ({}, True, ()),
        ({"history": "all"}, True, ()),
        ({"history": "all", "session_decays": ()}, False, ()),
        ({"session_decays": ()}, True, ()),
        ({"query_features": True}, True, ("group",)),
        ({"history": "none", "session_decays": (), "query_features": True}, False, ("group",)),
    ],
)
def test_a_tower_that_reads_events_is_served_with_what_it_reads(
    changes: dict[str, Any], reads_history: bool, query_features: tuple[str, ...]
) -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, **changes)
    model = _model(hyperparameters)
    scorer = index.build_scorer(_fitted(model), _QUERIES, hyperparameters, ("group",))
    assert isinstance(scorer, TowerScorer)
    assert (scorer.reads_history, tuple(scorer.query_features)) == (reads_history, query_features)


def test_a_tower_that_reads_the_id_alone_is_served_as_a_table() -> None:
    hyperparameters = dataclasses.replace(
        _HYPERPARAMETERS, query_id=True, history="none", session_decays=()
    )
    model = _model(hyperparameters)
    scorer = index.build_scorer(_fitted(model), _QUERIES, hyperparameters, ("group",))
    assert isinstance(scorer, DotProductScorer)
    assert model.query_tower.query_embedding is not None
    embedding = model.query_tower.query_embedding.numpy()
    catalogue = model.candidate_tower.catalogue().numpy()
    query_vectors = scorer.query_vectors.numpy()
    scores = query_vectors @ scorer.candidate_vectors.numpy().T
    known = embedding @ catalogue[:, :-1].T + catalogue[:, -1]
    np.testing.assert_allclose(scores[:-1], known, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores[-1], np.log1p(np.arange(_CANDIDATES)), rtol=1e-6)


def test_input_equals_the_vocabularies(artifacts: Artifacts) -> None:
    graph = artifacts.transform_graph.uri
    table = reading.load_candidates(artifacts.candidates.uri, "train", graph, MOVIELENS)
    vocabulary = (Path(graph) / "transform_fn" / "assets" / "candidates").read_bytes()
    assert list(table.titles) == vocabulary.splitlines()
    genres = table.features[f"{preprocessing.CANDIDATE}_movie_genres"]
    assert genres.shape == (len(table), 21)
    assert set(np.unique(genres)) == {0.0, 1.0}
    ids, positions = table.positions_of_ids()
    named = dict(zip(ids.tolist(), positions.tolist(), strict=True))
    assert len(named) == len(table) + 1
    assert named[b"2"] == named[b"159"]  # which share a title


@pytest.mark.parametrize("split", ["train", "valid", "eval"])
def test_input_equals_the_examples(artifacts: Artifacts, split: str) -> None:
    graph = artifacts.transform_graph.uri
    table = reading.load_candidates(artifacts.candidates.uri, "train", graph, MOVIELENS)
    read = reading.load_interactions(
        artifacts.examples.uri, split, graph, MOVIELENS, table, with_history=True
    )
    queries = (Path(graph) / "transform_fn" / "assets" / "queries").read_bytes().splitlines()
    names = dict(zip(candidate_hash(table.keys).tolist(), table.keys, strict=True))
    history, times, seen = (
        lists.ragged().to_list() for lists in (read.history, read.history_times, read.seen)
    )
    at = 0
    for batch in parquet.read_split(artifacts.examples.uri, split):
        for row in batch.to_pylist():
            assert [queries[read.query[at]]] == row["user_id"]
            assert [table.keys[read.candidate[at]]] == row["movie_title"]
            assert [read.time[at]] == row["timestamp"]
            for found, name in ((history, "history"), (seen, "seen_candidates")):
                listed = [names[number] for number in row[name] or []]
                assert [table.keys[place] for place in found[at]] == listed
            assert times[at] == row["history_times"]
            assert all(time < read.time[at] for time in times[at])
            gender = read.features[f"{preprocessing.QUERY}_user_gender"][at]
            assert gender.tolist() == [float(row["user_gender"] == [code]) for code in (0, 1)]
            at += 1
    assert at == len(read) == artifacts.examples.get_int_custom_property(f"rows_{split}")
    assert max(map(len, history)) > 20


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"optimizer": "sgd"}, "sgd"),
        ({"history": "later"}, "later"),
        ({"softmax": "half"}, "half"),
        ({"batch_size": 0}, "batch_size"),
        ({"session_length": 0}, "session_length"),
        ({"hidden_units": -1}, "hidden_units"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"query_dropout": 1.0}, "query_dropout"),
        ({"returning_share": -0.1}, "returning_share"),
        ({"recency_days": -1.0}, "recency_days"),
        ({"patience": -1}, "patience"),
        ({"session_decays": (60.0, 0.0)}, "session_decays"),
        ({"history": "none"}, "session_decays need a history"),
        ({"history": "all", "unread_share": (0.7, 0.1)}, "not a lower and a higher"),
        ({"unread_share": (0.1, 0.7)}, "needs the history 'all'"),
        ({"history": "none", "session_decays": ()}, "the query tower reads nothing"),
    ],
)
def test_bad_hyperparameters_name_the_value(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Hyperparameters(**arguments)


def test_hyperparameters_survive_json() -> None:
    given = dataclasses.replace(_HYPERPARAMETERS, history="all", unread_share=(0.1, 0.7))
    assert Hyperparameters.from_json(given.to_json()) == given
