"""How `top_k_accuracy` relates to the metric of TensorFlow Recommenders."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from components.evaluator.rank_statistics import TOP_K, rank_values
from components.serving import ranking
from tests.components.conftest import HYPERPARAMETERS
from tests.components.numpy_tower import NumpyTower
from tests.components.oracle import Oracle
from tests.components.steps import Artifacts


def _factorized_top_k(
    queries: np.ndarray, candidates: np.ndarray, truth: np.ndarray, by_id: bool
) -> dict[str, float]:
    index = tfrs.layers.factorized_top_k.BruteForce(k=max(TOP_K)).index(tf.constant(candidates))
    metric = tfrs.metrics.FactorizedTopK(index, ks=TOP_K)
    # The index has the positions for identifiers.
    ids = tf.constant(truth[:, None], tf.int32) if by_id else None
    metric.update_state(tf.constant(queries), tf.constant(candidates[truth]), ids)
    return {
        f"top_{k}_accuracy": float(value) for k, value in zip(TOP_K, metric.result(), strict=True)
    }


def _ours(queries: np.ndarray, candidates: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    rows = tf.range(len(truth), dtype=tf.int64)
    ranks = ranking.rank_candidates(
        lambda start, stop: tf.matmul(queries, candidates[int(start) : int(stop)].T),
        len(candidates),
        rows,
        tf.constant(truth, tf.int64),
        tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int64), tf.zeros_like(rows)),
    )
    values = rank_values(*[ranks.rank.numpy()] * 3)
    return {f"top_{k}_accuracy": float(values[f"top_{k}_accuracy"].mean()) for k in TOP_K}


@pytest.fixture(scope="module")
def vectors(artifacts: Artifacts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query vectors of the eval rows, candidate vectors, and the true candidates' positions."""
    oracle = Oracle(artifacts.examples, artifacts.transform_graph)
    scorer = tf.saved_model.load(f"{artifacts.model.uri}/Format-Serving").scorer
    tower = NumpyTower(scorer.query_tower, HYPERPARAMETERS)
    queries = [tower.vector(oracle.request(row)) for row in oracle.rows]
    truth = np.array([oracle.places[row.title] for row in oracle.rows])
    return np.array(queries, np.float32), scorer.candidate_vectors.numpy(), truth


def test_without_ties_and_by_id_the_numbers_are_the_same(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    ours = _ours(*vectors)
    assert _factorized_top_k(*vectors, by_id=True) == pytest.approx(ours, abs=1e-6)
    assert 0 < ours["top_10_accuracy"] < ours["top_100_accuracy"] < 1


def test_a_constant_model_has_all_of_theirs_and_none_of_ours(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    queries, candidates, truth = vectors
    # Of zeros: by score, they round one product in two ways.
    constant = np.zeros_like(candidates)
    assert min(_factorized_top_k(queries, constant, truth, by_id=False).values()) == 1.0
    assert set(_ours(queries, constant, truth).values()) == {0.0}
