"""Ranks, loss, learning and determinism of the Trainer, against numpy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.datasets.movielens import MOVIELENS
from components.serving.seen import SeenCandidates
from components.trainer import training
from components.trainer.hyperparameters import Hyperparameters
from components.trainer.model import TwoTowerModel
from components.transform import preprocessing, reading
from tests.components.conftest import HYPERPARAMETERS
from tests.components.steps import Artifacts, run_trainer

_SMALL = dataclasses.replace(HYPERPARAMETERS, query_dropout=0.0)


def test_seen_by_hand() -> None:
    pairs = reading.Interactions(query=np.array([2, 0, 2, 2]), candidate=np.array([4, 1, 3, 4]))
    seen = SeenCandidates.in_train(pairs, queries=3, candidates=5)
    listed = seen.of(np.array([2, -1, 1, 0, 2]))
    assert listed.to_list() == [[3, 4], [], [], [1], [3, 4]]


def _model(hyperparameters: Hyperparameters, queries: int = 4) -> TwoTowerModel:
    counts = np.array([5, 0, 2, 9, 1])
    features = {"candidate_labels": np.eye(5, dtype=np.float32), "candidate_bucket": np.arange(5)}
    model = TwoTowerModel(queries, counts, features, hyperparameters)
    model.compile(optimizer="adam")
    return model


@pytest.mark.parametrize("logq_correction", [True, False])
def test_loss_equals_numpy(logq_correction: bool) -> None:
    model = _model(dataclasses.replace(_SMALL, logq_correction=logq_correction))
    query, candidate = np.array([0, 3, 1, 0]), np.array([3, 0, 3, 2])
    loss = model.compute_loss((tf.constant(query), tf.constant(candidate)), training=True)

    queries = model.query_tower(tf.constant(query)).numpy()
    candidates = model.candidate_tower(tf.constant(candidate)).numpy()
    logits = queries @ candidates.T
    if logq_correction:
        probability = np.array([6, 1, 3, 10, 2]) / 22
        logits = logits - np.log(probability[candidate])
        accident = (candidate[:, None] == candidate[None, :]) & ~np.eye(4, dtype=bool)
        logits = np.where(accident, -np.inf, logits)
    positive = np.diag(logits)
    expected = np.sum(np.log(np.exp(logits).sum(axis=1)) - positive)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_bias_starts_at_log_popularity() -> None:
    vectors = _model(_SMALL).candidate_tower(tf.range(5, dtype=tf.int64)).numpy()
    np.testing.assert_allclose(vectors[:, -1], np.log(np.array([6, 1, 3, 10, 2]) / 22), rtol=1e-6)


def test_gradients_reach_every_variable() -> None:
    model = _model(_SMALL)
    inputs = (tf.range(4, dtype=tf.int64), tf.constant([0, 2, 3, 4], tf.int64))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert len(gradients) == 5  # query, candidate, bias, labels, bucket
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient).numpy()).max() > 0, variable.name


def test_overfits_one_batch() -> None:
    model = _model(dataclasses.replace(_SMALL, logq_correction=False, candidate_bias=False))
    model.compile(optimizer=tf.keras.optimizers.Adam(0.1))
    batch = (tf.range(4, dtype=tf.int64), tf.constant([0, 2, 3, 4], tf.int64))
    data = tf.data.Dataset.from_tensors(batch).repeat()
    history = model.fit(data, epochs=1, steps_per_epoch=200, verbose=0)
    first = 4 * np.log(4)
    assert history.history["loss"][-1] < 0.01 * first


def test_batches_cover_the_split_once_each_pass() -> None:
    pairs = reading.Interactions(query=np.arange(10), candidate=np.arange(10) * 2)
    batches = list(training.shuffled_batches(pairs, batch_size=5, seed=3).take(4))
    passes = [np.concatenate([batches[i][0], batches[i + 1][0]]) for i in (0, 2)]
    for one_pass in passes:
        assert sorted(one_pass) == list(range(10))
    assert not np.array_equal(passes[0], passes[1])
    for query, candidate in batches:
        np.testing.assert_array_equal(candidate, query * 2)


def test_input_equals_the_vocabularies(artifacts: Artifacts) -> None:
    graph = artifacts.transform_graph.uri
    table = reading.load_candidates(artifacts.candidates.uri, "train", graph, MOVIELENS)
    vocabulary = (Path(graph) / "transform_fn" / "assets" / "candidates").read_bytes()
    assert list(table.titles) == vocabulary.splitlines()
    valid = reading.load_interactions(artifacts.examples.uri, "valid", graph, MOVIELENS)
    assert len(valid) == artifacts.examples.get_int_custom_property("rows_valid")
    assert valid.candidate.min() >= 0
    genres = table.features[f"{preprocessing.CANDIDATE}_movie_genres"]
    assert genres.shape == (len(table), 21)
    assert set(np.unique(genres)) == {0.0, 1.0}


def test_same_seed_same_model_and_other_seed_another(artifacts: Artifacts, tmp_path: Path) -> None:
    inputs = {
        "examples": artifacts.examples,
        "candidates": artifacts.candidates,
        "transform_graph": artifacts.transform_graph,
    }
    again, _ = run_trainer(inputs, tmp_path / "again", HYPERPARAMETERS)
    other, _ = run_trainer(inputs, tmp_path / "other", dataclasses.replace(HYPERPARAMETERS, seed=1))

    def vectors(uri: str) -> np.ndarray:
        return tf.saved_model.load(f"{uri}/Format-Serving").scorer.candidate_vectors.numpy()

    np.testing.assert_array_equal(vectors(again.uri), vectors(artifacts.model.uri))
    assert not np.array_equal(vectors(other.uri), vectors(artifacts.model.uri))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"optimizer": "sgd"}, "sgd"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"query_dropout": 1.0}, "query_dropout"),
        ({"patience": -1}, "patience"),
    ],
)
def test_bad_hyperparameters_name_the_value(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Hyperparameters(**arguments)  # type: ignore[arg-type]
