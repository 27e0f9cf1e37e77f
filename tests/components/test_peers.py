"""The peers against numpy and plain Python."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse

from components.peers import implicit_als, item_knn, session_knn
from components.peers.executor import train
from components.peers.names import PEERS
from components.serving.query_events import QueryEvents
from components.serving.scorers import DotProductScorer, NeighbourScorer, Scorer
from tests.components.interactions import Event, draw_events, interactions
from tests.components.numpy_tower import Request, contexts

_HOUR = 3600


def _events(queries: int, candidates: int) -> QueryEvents:
    drawn = draw_events(queries, candidates, events=queries * 6, seed=3)
    return QueryEvents.in_train(interactions(drawn), queries)


def _nearest(seen: np.ndarray, neighbours: int) -> tuple[list[dict[int, float]], list[float]]:
    """Cosine of each candidate with each other, and the least cosine of a neighbour.

    Args:
        seen: Ones where a row saw a candidate [R, N].
        neighbours: Neighbours per candidate.
    """
    unit = seen / np.sqrt(seen.sum(axis=1, keepdims=True).clip(1))
    cosines, least = [], []
    for candidate in range(seen.shape[1]):
        of_others = {}
        for other in set(range(seen.shape[1])) - {candidate}:
            product = unit[:, candidate] @ unit[:, other]
            norms = np.linalg.norm(unit[:, candidate]) * np.linalg.norm(unit[:, other])
            of_others[other] = float(product / norms) if norms else 0.0
        cosines.append(of_others)
        least.append(sorted(of_others.values())[-neighbours])
    return cosines, least


@pytest.mark.parametrize("at_once", [3, 1000])
def test_nearest_by_hand(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(item_knn, "_CANDIDATES_AT_ONCE", at_once)
    seen = _events(30, 11).matrix(11).toarray()
    neighbours, similarities = item_knn.nearest(scipy.sparse.csr_matrix(seen), 4)
    cosines, least = _nearest(seen, 4)
    for candidate, (expected, bound) in enumerate(zip(cosines, least, strict=True)):
        found = dict(zip(neighbours[candidate], similarities[candidate], strict=True))
        assert found.pop(candidate, 0) == 0
        for other, similarity in found.items():
            assert similarity == pytest.approx(expected[other], abs=1e-6)
            assert expected[other] >= bound - 1e-6
        nearer = {other for other, similarity in expected.items() if similarity > bound + 1e-6}
        assert nearer <= set(found)


# The histories of three requests: a candidate twice, nothing, and a single event; of whom the
# second has seen something after all.
_ASKED = [
    Request(5, [(3, 1200.0), (1, 900.0), (3, 60.0)], [1, 3, 8]),
    Request(-1, [], [2]),
    Request(0, [(7, 0.0)], [7]),
    Request(6),
]


@pytest.mark.parametrize("decay", [None, 600.0])
def test_neighbour_scores_in_blocks_equal_numpy(decay: float | None) -> None:
    counts = np.arange(12)
    neighbours, similarities = item_knn.nearest(_events(9, 12).matrix(12), 3)
    scorer = NeighbourScorer(neighbours, similarities, counts, decay)
    assert scorer.reads_history == (decay is not None)
    prepared = scorer.prepare(contexts(_ASKED))
    weights = np.zeros([len(_ASKED), 12])
    for row, request in enumerate(_ASKED):
        if decay is None:
            weights[row, list(request.seen)] = 1
            continue
        for candidate, age in request.history:
            weights[row, candidate] = max(weights[row, candidate], np.exp(-age / decay))
    expected = (weights[:, neighbours] * similarities).sum(axis=2)
    expected[weights.max(axis=1) == 0] = np.log1p(counts)  # of whom nothing is known
    whole = scorer.scores(prepared, 0, 12).numpy()
    np.testing.assert_allclose(whole, expected, rtol=1e-5)
    parts = [scorer.scores(prepared, start, min(start + 5, 12)).numpy() for start in (0, 5, 10)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole)
    norms = np.where(weights.max(axis=1) == 0, 1, np.linalg.norm(weights, axis=1))
    np.testing.assert_allclose(scorer.query_norms(prepared), norms, rtol=1e-5)
    np.testing.assert_allclose(
        scorer.candidate_norms(), np.linalg.norm(similarities, axis=1), rtol=1e-6
    )


def test_what_is_not_in_the_catalogue_has_no_weight() -> None:
    neighbours, similarities = item_knn.nearest(_events(9, 12).matrix(12), 3)
    scorer = NeighbourScorer(neighbours, similarities, np.arange(12), 600.0)
    with_unknown = [Request(0, [(-1, 1.0), (3, 5.0)]), Request(0, [(3, 5.0)])]
    prepared = scorer.prepare(contexts(with_unknown)).numpy()
    np.testing.assert_array_equal(prepared[:, 0], prepared[:, 1])


def test_sittings_by_hand() -> None:
    train = [
        *((1, candidate, time) for candidate, time in enumerate((0, _HOUR, 2 * _HOUR))),
        *((1, candidate, time) for candidate, time in enumerate((3 * _HOUR + 1, 5 * _HOUR))),
        *((2, candidate, 5 * _HOUR) for candidate in range(2)),
        (4, 0, 0),
    ]
    events = QueryEvents.in_train(interactions(train), queries=6)
    assert session_knn.sittings(events).tolist() == [0, 0, 0, 1, 2, 3, 3, 4]
    nothing = QueryEvents.in_train(interactions([]), queries=2)
    assert session_knn.sittings(nothing).tolist() == []


def _of_sittings(drawn: list[Event]) -> list[set[int]]:
    """The candidates of each sitting of each query."""
    found: list[set[int]] = []
    for _, group in itertools.groupby(sorted(drawn, key=lambda e: (e[0], e[2])), lambda e: e[0]):
        before = None
        for _, candidate, time in group:
            if before is None or time - before > _HOUR:
                found.append(set())
            found[-1].add(candidate)
            before = time
    return found


def test_session_knn_scores_by_who_shared_a_sitting() -> None:
    drawn = draw_events(queries=15, candidates=9, events=150, seed=6)
    sittings = _of_sittings(drawn)
    assert 20 < len(sittings) < 140
    seen = np.array([[float(number in sitting) for number in range(9)] for sitting in sittings])
    cosines, _ = _nearest(seen, 8)
    events = QueryEvents.in_train(interactions(drawn), queries=15)
    scorer = session_knn.train(events, np.ones(9))
    history = [(3, 1200.0), (5, 300.0)]
    scores = scorer.scores(scorer.prepare(contexts([Request(0, history)])), 0, 9).numpy()[0]
    for candidate, score in enumerate(scores):
        expected = sum(
            np.exp(-age / 600) * cosines[candidate][event]
            for event, age in history
            if event != candidate
        )
        assert score == pytest.approx(expected, abs=1e-6)


def test_als_solves_its_normal_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last half step each candidate's factors minimise the weighted squared error."""
    monkeypatch.setattr(implicit_als, "REGULARIZATION", 1.0)  # 60 leaves so few events nothing
    events = _events(40, 15)
    scorer = implicit_als.train(events, np.bincount(events.candidate, minlength=15))
    queries = scorer.query_vectors.numpy()[:-1, :-1].astype(float)
    candidates = scorer.candidate_vectors.numpy()[:, :-1].astype(float)
    seen = events.matrix(15).toarray()
    width = queries.shape[1]
    for candidate in range(15):
        weight = 1 + (implicit_als.ALPHA - 1) * seen[:, candidate]
        left = (queries * weight[:, None]).T @ queries
        left += implicit_als.REGULARIZATION * np.eye(width)
        right = (queries * (weight * seen[:, candidate])[:, None]).sum(axis=0)
        expected = np.linalg.solve(left, right)
        # The library takes a few steps of conjugate gradients, not the exact solution.
        np.testing.assert_allclose(candidates[candidate], expected, atol=3e-3)


def test_als_is_deterministic() -> None:
    events = _events(40, 15)
    counts = np.bincount(events.candidate, minlength=15)
    one, other = (implicit_als.train(events, counts).query_vectors.numpy() for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_every_peer_is_trained_by_its_name() -> None:
    events = _events(20, 12)
    counts = np.bincount(events.candidate, minlength=12)
    trained: dict[str, Scorer] = {peer: train(peer, events, counts) for peer in PEERS}
    reads_history = {peer for peer, scorer in trained.items() if scorer.reads_history}
    assert reads_history == {"session_knn"}
    tables = {peer for peer, scorer in trained.items() if isinstance(scorer, DotProductScorer)}
    assert tables == {"popularity", "implicit_als"}
    with pytest.raises(ValueError, match="there is no peer 'oracle'"):
        train("oracle", events, counts)
