"""The peers against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from components.peers import implicit_als, item_knn
from components.peers.executor import train
from components.serving.scorers import NeighbourScorer
from components.serving.seen import SeenCandidates
from components.transform.reading import Interactions


def _seen(queries: int, candidates: int) -> SeenCandidates:
    rng = np.random.default_rng(3)
    n = queries * 6
    pairs = Interactions(rng.integers(0, queries, n), rng.integers(0, candidates, n))
    return SeenCandidates.in_train(pairs, queries, candidates)


@pytest.mark.parametrize("at_once", [3, 1000])
def test_nearest_by_hand(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(item_knn, "_CANDIDATES_AT_ONCE", at_once)
    events = _seen(30, 11).matrix(11).toarray()
    neighbours, similarities = item_knn.nearest(scipy.sparse.csr_matrix(events), 4)
    unit = events / np.sqrt(events.sum(axis=1, keepdims=True).clip(1))
    for candidate in range(11):
        expected = {}
        for other in set(range(11)) - {candidate}:
            product = unit[:, candidate] @ unit[:, other]
            norms = np.linalg.norm(unit[:, candidate]) * np.linalg.norm(unit[:, other])
            expected[other] = product / norms if norms else 0.0
        least = sorted(expected.values())[-4]
        found = dict(zip(neighbours[candidate], similarities[candidate], strict=True))
        assert found.pop(candidate, 0) == 0
        for other, similarity in found.items():
            assert similarity == pytest.approx(expected[other], abs=1e-6)
            assert expected[other] >= least - 1e-6
        nearer = {other for other, similarity in expected.items() if similarity > least + 1e-6}
        assert nearer <= set(found)


def test_neighbour_scores_in_blocks_equal_numpy() -> None:
    seen = _seen(7, 12)
    counts = np.arange(12)
    neighbours, similarities = item_knn.nearest(seen.matrix(12), 3)
    scorer = NeighbourScorer(seen, neighbours, similarities, counts)
    rows = np.array([5, 0, 7])
    prepared = scorer.prepare(tf.constant(rows))
    whole = scorer.scores(prepared, 0, 12).numpy()
    history = np.append(seen.matrix(12).toarray(), np.zeros([1, 12]), axis=0)
    expected = (history[rows][:, neighbours] * similarities).sum(axis=2)
    expected[2] = np.log1p(counts)  # the unknown query
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    parts = [scorer.scores(prepared, start, min(start + 5, 12)).numpy() for start in (0, 5, 10)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole)
    norms = scorer.query_norms(prepared).numpy()
    np.testing.assert_allclose(norms[:2], np.linalg.norm(history[rows[:2]], axis=1))


def test_als_solves_its_normal_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last half step each candidate's factors minimise the weighted squared error."""
    monkeypatch.setattr(implicit_als, "REGULARIZATION", 1.0)  # 60 leaves so few events nothing
    seen = _seen(40, 15)
    counts = np.bincount(seen.candidate, minlength=15)
    scorer = implicit_als.train(seen, counts)
    queries = scorer.query_vectors.numpy()[:-1, :-1].astype(float)
    candidates = scorer.candidate_vectors.numpy()[:, :-1].astype(float)
    events = seen.matrix(15).toarray()
    width = queries.shape[1]
    for candidate in range(15):
        weight = 1 + (implicit_als.ALPHA - 1) * events[:, candidate]
        left = (queries * weight[:, None]).T @ queries
        left += implicit_als.REGULARIZATION * np.eye(width)
        right = (queries * (weight * events[:, candidate])[:, None]).sum(axis=0)
        expected = np.linalg.solve(left, right)
        # The library takes a few steps of conjugate gradients, not the exact solution.
        np.testing.assert_allclose(candidates[candidate], expected, atol=1.5e-3)


def test_als_is_deterministic() -> None:
    seen = _seen(40, 15)
    counts = np.bincount(seen.candidate, minlength=15)
    one, other = (implicit_als.train(seen, counts).query_vectors.numpy() for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_an_unknown_peer_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no peer 'oracle'"):
        train("oracle", _seen(3, 3), np.ones(3))
