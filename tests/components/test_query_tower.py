"""The query tower against a computation by hand from its variables."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.candidate_features import side_by_side
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.query_tower import QueryTower
from tests.components.numpy_tower import DAY, LONG_AGO, NumpyTower, Request, contexts

_QUERIES, _CANDIDATES = 3, 7
_LABELS = {"query_group": 2}
_WIDTHS = {"query_age": 4, **_LABELS}
_FEATURES = {
    "candidate_labels": (np.arange(_CANDIDATES)[:, None] % [2, 3] == 0).astype(np.float32),
    "candidate_bucket": np.arange(_CANDIDATES) % 3,
}
_HYPERPARAMETERS = Hyperparameters(
    embedding_dimension=3,
    query_id=True,
    session_decays=(5.0, 3600.0),
    session_length=4,
    hidden_units=5,
    query_features=True,
)


def _request(query: int, history: list[tuple[int, float]], seen: list[int]) -> Request:
    features = {"query_age": len(history) % 4, "query_group": query % 2}
    return Request(query, history, seen, features)


_REQUESTS = [
    _request(0, [], []),
    _request(-1, [], [4]),
    # Repeated candidates, one of them at the second before, and more than the session takes.
    _request(2, [(1, 9e4), (3, 60.0), (3, 7.5), (0, 2.0), (6, 2.0), (1, 1.0)], [0, 1, 3, 6, 2]),
    _request(-1, [(5, 100.0), (2, 3.0)], [5, 2]),
    _request(1, [(2, 14.0)], [2, 6]),
    _request(1, [(2, 15.0)], [2, 6, 0]),  # one more second, one more event: the next buckets
    _request(0, [(4, 30.0 * DAY)], [4]),
    _request(0, [(4, 9_000.0 * DAY), (5, 400.0 * DAY)], [4, 5]),
    _request(2, [(number % 7, 1e4 - number) for number in range(40)], list(range(7))),
]


def _tower(
    hyperparameters: Hyperparameters,
    sparse_gradients: bool = False,
    features: dict[str, np.ndarray] | None = None,
) -> QueryTower:
    """A tower none of whose variables is zero."""
    tower = QueryTower(
        _QUERIES,
        _CANDIDATES,
        _WIDTHS,
        side_by_side(features or {}),
        hyperparameters,
        sparse_gradients,
    )
    rng = np.random.default_rng(5)
    for variable in tower.trainable_variables:
        variable.assign(rng.normal(0, 1, variable.shape))
    return tower


@pytest.mark.parametrize("features", [{}, _FEATURES])
@pytest.mark.parametrize("sparse_gradients", [False, True])
@pytest.mark.parametrize("candidate_bias", [False, True])
@pytest.mark.parametrize("hidden_units", [0, 5])
@pytest.mark.parametrize(
    ("history", "session_decays"),
    [("none", ()), ("earlier", ()), ("all", ()), ("earlier", (5.0, 3600.0)), ("all", (5.0,))],
)
def test_vectors_equal_those_by_hand(
    history: str,
    session_decays: tuple[float, ...],
    hidden_units: int,
    candidate_bias: bool,
    sparse_gradients: bool,
    features: dict[str, np.ndarray],
) -> None:
    hyperparameters = dataclasses.replace(
        _HYPERPARAMETERS,
        history=history,
        session_decays=session_decays,
        hidden_units=hidden_units,
        candidate_bias=candidate_bias,
    )
    tower = _tower(hyperparameters, sparse_gradients, features)
    expected = NumpyTower(tower, hyperparameters)
    vectors = tower(contexts(_REQUESTS, _LABELS)).numpy()
    assert vectors.shape == (len(_REQUESTS), 3 + candidate_bias)
    for vector, request in zip(vectors, _REQUESTS, strict=True):
        np.testing.assert_allclose(vector, expected.vector(request), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("history", ["earlier", "all"])
def test_a_part_of_the_events_stands_for_the_whole(history: str) -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, history=history)
    tower = _tower(hyperparameters)
    requests = [
        dataclasses.replace(request, size=max(len(request.seen), len(request.history)) + 3 * row)
        for row, request in enumerate(_REQUESTS)
    ]
    sizes = tf.constant([request.size for request in requests], tf.int64)
    vectors = tower(contexts(requests, _LABELS), size=sizes).numpy()
    expected = NumpyTower(tower, hyperparameters)
    for vector, request in zip(vectors, requests, strict=True):
        np.testing.assert_allclose(vector, expected.vector(request), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("query_id", "query_features"), itertools.product([False, True], repeat=2))
def test_who_asks_counts_only_where_it_is_read(query_id: bool, query_features: bool) -> None:
    hyperparameters = dataclasses.replace(
        _HYPERPARAMETERS, query_id=query_id, query_features=query_features
    )
    tower = _tower(hyperparameters)
    names = {variable.name for variable in tower.trainable_variables}
    assert ("query_embedding:0" in names) == query_id
    assert ("query_age:0" in names) == ("query_group:0" in names) == query_features
    one = _request(0, [(1, 5.0)], [1])
    others = [
        dataclasses.replace(one, query=1),
        dataclasses.replace(one, features={"query_age": 3, "query_group": 1}),
    ]
    vectors = tower(contexts([one, *others], _LABELS)).numpy()
    assert np.array_equal(vectors[0], vectors[1]) != query_id
    assert np.array_equal(vectors[0], vectors[2]) != query_features


def test_a_session_reads_only_the_latest_events() -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, history="all")
    tower = _tower(hyperparameters)
    latest = [(0, 4.0), (1, 3.0), (2, 2.0), (3, 1.0)]
    requests = [
        _request(0, latest, [0, 1]),
        _request(0, [(4, 5.0), *latest], [0, 1]),
        _request(0, [*latest[1:], (3, 1.0)], [0, 1]),
    ]
    same = [dataclasses.replace(request, features=requests[0].features) for request in requests]
    vectors = tower(contexts(same, _LABELS)).numpy()
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2])


def test_whoever_comes_later_than_long_after_comes_long_after() -> None:
    tower = _tower(_HYPERPARAMETERS)
    requests = [_request(0, [(1, LONG_AGO + more), (5, LONG_AGO)], [1, 5]) for more in (0, 9e8)]
    after = [_request(0, [(1, LONG_AGO + 9e8), (5, LONG_AGO + 8e8)], [1, 5])]
    vectors = tower(contexts([*requests, *after], _LABELS)).numpy()
    np.testing.assert_array_equal(vectors[0], vectors[1])
    np.testing.assert_array_equal(vectors[0], vectors[2])


@pytest.mark.parametrize("history", ["earlier", "all"])
def test_gradients_equal_differences_and_may_be_sparse(history: str) -> None:
    """Without a hidden layer the vectors are linear in each variable."""
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, history=history, hidden_units=0)
    found = {}
    rng = np.random.default_rng(2)
    direction = rng.normal(0, 1, [len(_REQUESTS), 4])
    for sparse_gradients in (False, True):
        tower = _tower(hyperparameters, sparse_gradients)
        with tf.GradientTape() as tape:
            vectors = tower(contexts(_REQUESTS, _LABELS))
            loss = tf.reduce_sum(vectors * tf.constant(direction, tf.float32))
        gradients = tape.gradient(loss, tower.trainable_variables)
        names = [variable.name for variable in tower.trainable_variables]
        found[sparse_gradients] = dict(zip(names, gradients, strict=True))
    is_sparse = {
        sparse: isinstance(gradients["event_vectors:0"], tf.IndexedSlices)
        for sparse, gradients in found.items()
    }
    assert is_sparse == {False: False, True: True}

    def loss_of(tower: QueryTower) -> float:
        expected = NumpyTower(tower, hyperparameters)
        return float(sum(expected.vector(r) @ d for r, d in zip(_REQUESTS, direction, strict=True)))

    tower = _tower(hyperparameters)
    for variable in tower.trainable_variables:
        dense, sparse = (
            tf.convert_to_tensor(found[sparse][variable.name]).numpy() for sparse in (False, True)
        )
        expected = _differences(lambda: loss_of(tower), variable)
        np.testing.assert_allclose(dense, expected, rtol=1e-3, atol=1e-3, err_msg=variable.name)
        np.testing.assert_allclose(sparse, dense, rtol=1e-4, atol=1e-5, err_msg=variable.name)


def _differences(loss: Callable[[], float], variable: tf.Variable) -> np.ndarray:
    """By how much a loss that is linear in a variable rises with each of its values."""
    values, before = variable.numpy(), loss()
    found = np.zeros(values.shape)
    for place in np.ndindex(*values.shape):
        more = values.copy()
        more[place] += 1
        variable.assign(more)
        found[place] = loss() - before
    variable.assign(values)
    return found


def test_gradients_pass_the_hidden_layer() -> None:
    """Where a hidden unit is on, its kernels are learned, and where it is off, they are not."""
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, hidden_units=2)
    tower = _tower(hyperparameters)
    tower.hidden_bias.assign([100.0, -100.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tower(contexts(_REQUESTS, _LABELS)))
    kernel, bias, output = tape.gradient(
        loss, [tower.hidden_kernel, tower.hidden_bias, tower.output_kernel]
    )
    np.testing.assert_allclose(
        bias.numpy(), [len(_REQUESTS) * tower.output_kernel.numpy()[0].sum(), 0], rtol=1e-4
    )
    assert np.abs(kernel.numpy()[:, 0]).min() > 0
    assert not kernel.numpy()[:, 1].any()
    assert np.abs(output.numpy()[0]).min() > 0
    assert not output.numpy()[1].any()


def _dropped(name: str, requests: list[Request], seed: int) -> np.ndarray:
    """Vectors where one dropout of a half is in effect."""
    off = {f"{of}_dropout": 0.0 for of in ("history", "session", "hidden", "query")}
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, **{**off, name: 0.5})  # type: ignore[arg-type]
    vectors = _tower(hyperparameters)(contexts(requests, _LABELS), tf.constant([seed, 3], tf.int64))
    return np.asarray(vectors.numpy()[:, :-1])


@pytest.mark.parametrize(
    "name", ["history_dropout", "session_dropout", "hidden_dropout", "query_dropout"]
)
def test_each_dropout_drops_by_its_seed(name: str) -> None:
    requests = [_REQUESTS[2]] * 400
    one, same, other = (_dropped(name, requests, seed) for seed in (8, 8, 9))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert len(np.unique(one, axis=0)) > 5


def test_dropped_events_do_not_count_and_the_others_count_for_them() -> None:
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, hidden_units=0, query_dropout=0.0)
    requests = [_request(0, [(1, 0.0)], [1])] * 400
    seed = tf.constant([8, 3], tf.int64)
    for name, channel, full in (
        ("history_dropout", 0, 2 / np.sqrt(2)),  # divided by the share that is kept
        ("session_dropout", 1, 1 / np.sqrt(1.5)),
    ):
        off = {"history_dropout": 0.0, "session_dropout": 0.0}
        tower = _tower(dataclasses.replace(hyperparameters, **{**off, name: 0.5}))  # type: ignore[arg-type]
        for variable in tower.trainable_variables:
            variable.assign(tf.zeros_like(variable))
        tower.channel_scales.assign(tf.ones_like(tower.channel_scales))
        values = np.zeros(tower.event_vectors.shape)
        values[channel * _CANDIDATES + 1] = 1
        tower.event_vectors.assign(values)
        summed = tower(contexts(requests, _LABELS), seed).numpy()[:, 0]
        np.testing.assert_allclose(np.unique(summed), [0, full], rtol=1e-5)
        assert 0.4 < np.mean(summed > 0) < 0.6


def test_some_examples_tell_no_feature_and_the_others_all() -> None:
    off = {f"{of}_dropout": 0.0 for of in ("history", "session", "hidden", "query")}
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, **off, feature_dropout=0.25)  # type: ignore[arg-type]
    tower = _tower(hyperparameters)
    request = _REQUESTS[3]
    context = contexts([request] * 400, _LABELS)
    vectors = tower(context, tf.constant([8, 3], tf.int64)).numpy()[:, :-1]
    by_hand = NumpyTower(tower, hyperparameters)
    told, untold = (
        by_hand.vector(dataclasses.replace(request, features=features))[:-1]
        # Of an age the last bucket, of a group no label at all.
        for features in (request.features, {"query_age": _WIDTHS["query_age"] - 1})
    )
    is_told = np.isclose(vectors, told, atol=1e-5).all(axis=1)
    is_untold = np.isclose(vectors, untold, atol=1e-5).all(axis=1)
    assert (is_told ^ is_untold).all()
    assert 0.15 < is_untold.mean() < 0.35
    np.testing.assert_allclose(tower(context).numpy()[:, :-1], [told] * 400, atol=1e-5)


def test_the_bias_coordinate_is_never_dropped() -> None:
    vectors = _tower(_HYPERPARAMETERS)(contexts(_REQUESTS, _LABELS), tf.constant([1, 2], tf.int64))
    assert vectors.numpy()[:, -1].tolist() == [1.0] * len(_REQUESTS)
