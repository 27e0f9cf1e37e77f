"""Ensembles of towers against their members, each alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from components.serving.scorers import TowerScorer
from components.trainer import index
from components.trainer.ensemble import members
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.model import Batch, TwoTowerModel
from components.trainer.training import Training
from tests.components.numpy_tower import Request, contexts

_ONE = Hyperparameters(embedding_dimension=4, hidden_units=5, softmax="full", seed=7)
_COUNTS = np.array([5, 0, 2, 9, 1, 0, 3])
_WIDTH = _ONE.embedding_dimension


def _model(**changes: object) -> TwoTowerModel:
    hyperparameters = dataclasses.replace(_ONE, **changes)  # type: ignore[arg-type]
    return TwoTowerModel(3, _COUNTS, (_COUNTS + 1) / 27, {}, {}, hyperparameters)


def _batch() -> Batch:
    asked = contexts(
        [
            Request(0, [(3, 5.0), (1, 90.0)], [1, 3]),
            Request(1, [], [2]),
            Request(2, [(6, 1e6)], [6]),
        ]
    )
    return Batch(asked, tf.constant([0, 3, 3], tf.int64), tf.constant([1.0, 0.5, 2.0]))


@pytest.mark.parametrize("softmax", ["full", "in_batch"])
def test_loss_is_the_sum_of_the_members_losses(softmax: str) -> None:
    ensemble, batch = _model(members=3, softmax=softmax), _batch()
    of_members = []
    for member in range(3):
        alone = _model(seed=_ONE.seed + 1_000 * member, softmax=softmax)
        of_members.append(float(alone.compute_loss(batch)))
    assert len(set(of_members)) == 3
    assert float(ensemble.compute_loss(batch)) == pytest.approx(sum(of_members), rel=1e-6)


def test_score_is_the_sum_of_the_members_scores() -> None:
    ensemble, context = _model(members=3), _batch().context
    queries = ensemble.query_tower(context).numpy()
    catalogue = ensemble.candidate_tower.catalogue().numpy()
    assert queries.shape == (3, 3 * (_WIDTH + 1))
    assert catalogue.shape == (len(_COUNTS), 3 * (_WIDTH + 1))
    # The biases are the last coordinates, where a query has ones.
    assert (queries[:, 3 * _WIDTH :] == 1).all()
    expected = 0.0
    for member in range(3):
        alone = _model(seed=_ONE.seed + 1_000 * member)
        expected += alone.query_tower(context).numpy() @ alone.candidate_tower.catalogue().numpy().T
    np.testing.assert_allclose(queries @ catalogue.T, expected, rtol=1e-5, atol=1e-6)
    positions = tf.constant([4, 0], tf.int64)
    np.testing.assert_array_equal(ensemble.candidate_tower(positions).numpy(), catalogue[[4, 0]])


def test_members_are_dropped_out_apart() -> None:
    ensemble, batch = _model(members=2, query_dropout=0.9), _batch()
    ensemble.compile(optimizer="adam")
    for tower in (ensemble.query_tower, ensemble.candidate_tower):
        first, second = members(tower)
        for mine, other in zip(first.trainable_variables, second.trainable_variables, strict=True):
            other.assign(mine)
    with tf.GradientTape() as tape:
        loss = ensemble.compute_loss(batch, training=True)
    towers = members(ensemble.query_tower)
    of_first, of_second = tape.gradient(loss, [tower.constant for tower in towers])
    assert not np.allclose(of_first, of_second)


def test_an_ensemble_of_one_is_the_tower_itself() -> None:
    model = _model()
    assert members(model.query_tower) == [model.query_tower]


def test_similarity_leaves_the_biases_of_all_members_out() -> None:
    hyperparameters = dataclasses.replace(_ONE, members=2)
    model = _model(members=2)
    scorer = index.build_scorer(Training(model, _COUNTS, {}, 0.0), 3, hyperparameters, ())
    assert isinstance(scorer, TowerScorer)
    vectors = model.candidate_tower.catalogue().numpy()[:, : 2 * _WIDTH]
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = scorer.similarities(tf.constant([2], tf.int64)).numpy()
    np.testing.assert_allclose(found, directions[[2]] @ directions.T, rtol=1e-5, atol=1e-6)
