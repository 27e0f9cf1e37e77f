"""The Evaluator and the PeerEvaluator against an oracle in plain Python."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.datasets.movielens import MOVIELENS
from components.evaluator import extractors, rank_statistics
from components.evaluator.evaluation import EVAL_SPLIT
from components.evaluator.gate import GateBounds
from components.evaluator.rank_statistics import ListStatistics, RankStatistics, rank_values
from components.examples import parquet
from components.peers import item_knn
from components.serving import export
from components.transform import reading
from tests.components.conftest import HYPERPARAMETERS
from tests.components.oracle import Metrics, Oracle, SliceName
from tests.components.steps import Artifacts, run_evaluator, run_peer, run_trainer

LOOSE = GateBounds(
    min_unseen_top_100_accuracy=0.01,
    min_top_100_accuracy=0.01,
    max_drop_from_baseline=0.05,
    min_gain_over_popularity=0.0,
    min_coverage_at_100=0.01,
    max_repeated_top_10_share=0.9,
    max_share_in_train=0.0,
)


@pytest.fixture(scope="module")
def oracle(artifacts: Artifacts) -> Oracle:
    return Oracle(artifacts)


def _of_tfma(evaluation: Any, model_name: str | None) -> dict[SliceName, Metrics]:
    result = tfma.load_eval_result(evaluation.uri, model_name=model_name)
    found: dict[SliceName, Metrics] = {}
    for key, outputs in result.slicing_metrics:
        name = key[0] if key else None
        found[name] = {
            metric: value["boundedValue"]["value"]
            if "boundedValue" in value
            else value["doubleValue"]
            for metric, value in outputs[""][""].items()
        }
    return found


def _assert_equal(measured: dict[SliceName, Metrics], expected: dict[SliceName, Metrics]) -> None:
    assert set(measured) == set(expected)
    for name, metrics in expected.items():
        for metric, value in metrics.items():
            assert measured[name][metric] == pytest.approx(value, abs=1e-9), (name, metric)


def test_metrics_and_slices_equal_the_oracle(
    artifacts: Artifacts, oracle: Oracle, tmp_path: Path
) -> None:
    evaluation, blessing = run_evaluator(artifacts, tmp_path, artifacts.model, LOOSE)
    expected = oracle.metrics(oracle.dot_product(artifacts.model))
    measured = _of_tfma(evaluation, None)
    _assert_equal(measured, expected)
    assert len(expected) > 30
    recorded = json.loads(evaluation.get_string_custom_property("metrics"))
    for metric, value in expected[None].items():
        assert recorded[metric] == pytest.approx(value, abs=1e-9)
    slices = json.loads(evaluation.get_string_custom_property("slices"))
    women = expected["user_gender", "female"]
    assert slices["user_gender"]["female"] == {
        name: pytest.approx(women[name], abs=1e-9)
        for name in ("example_count", "top_100_accuracy", "unseen_top_100_accuracy")
    }
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    assert all(set(r) == {"check", "value", "bound", "passed", "sentence"} for r in reasons)


@pytest.mark.parametrize("peer", ["popularity", "item_knn", "implicit_als"])
def test_peers_equal_the_oracle(artifacts: Artifacts, oracle: Oracle, peer: str) -> None:
    if peer == "item_knn":
        score = oracle.item_knn(item_knn.NEIGHBOURS)
    else:
        score = oracle.dot_product(artifacts.peers[peer])
    measured = _of_tfma(artifacts.peer_evaluation, peer)
    expected = oracle.metrics(score)
    if peer == "item_knn":
        # Float32 sums of neighbours tie or not by their last bit: lists may differ there.
        for metrics in (*measured.values(), *expected.values()):
            for name in ("coverage_at_100", "repeated_top_10_share", "popularity_rank_at_100"):
                metrics.pop(name, None)
    _assert_equal(measured, expected)


def test_popularity_peer_ranks_by_train_events(artifacts: Artifacts, oracle: Oracle) -> None:
    scores = oracle.dot_product(artifacts.peers["popularity"])("1")
    events = np.array([oracle.popularity[title] for title in oracle.titles])
    np.testing.assert_allclose(scores, np.log1p(events), rtol=1e-6)


def test_intervals_are_those_of_the_t_distribution(artifacts: Artifacts, tmp_path: Path) -> None:
    evaluation, _ = run_evaluator(artifacts, tmp_path, artifacts.model, LOOSE)
    metrics = json.loads(evaluation.get_string_custom_property("metrics"))
    low, high = json.loads(evaluation.get_string_custom_property("intervals"))[
        "unseen_top_10_accuracy"
    ]
    share, rows = metrics["unseen_top_10_accuracy"], metrics["example_count"]
    error = math.sqrt(share * (1 - share) / (rows - 1))
    # 1.9645: the 97.5 % quantile of Student's t at 600 degrees of freedom is within 0.001 of it.
    assert high - share == pytest.approx(1.9645 * error, rel=1e-3)
    assert share - low == pytest.approx(1.9645 * error, rel=1e-3)


@pytest.mark.parametrize("name", ["model", "popularity", "item_knn", "implicit_als"])
def test_ranks_equal_the_positions_served_from_the_whole_catalogue(
    artifacts: Artifacts, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same module exported once more, with lists as long as the catalogue."""
    candidates = reading.load_candidates(
        artifacts.candidates.uri, "train", artifacts.transform_graph.uri, MOVIELENS
    )
    monkeypatch.setattr(export, "SERVED", len(candidates))
    again = artifacts.training_inputs()
    if name == "model":
        model, _ = run_trainer(again, tmp_path, HYPERPARAMETERS)
    else:
        model = run_peer(name, again, tmp_path)
    loaded = tf.saved_model.load(f"{model.uri}/Format-Serving")
    columns = ["user_id", "movie_title", "seen_candidates"]
    checked = 0
    for batch in parquet.read_split(artifacts.examples.uri, EVAL_SPLIT):
        serialized = extractors.serialize({"arrow_record_batch": batch}, columns)["input"]
        outputs = loaded.signatures[export.EVALUATION_SIGNATURE](examples=tf.constant(serialized))
        users, titles = (
            [values[0] for values in batch.column(batch.schema.get_field_index(name)).to_pylist()]
            for name in ("user_id", "movie_title")
        )
        answer = loaded.signatures[export.SERVING_SIGNATURE](user_id=tf.constant(users))
        lists, scores = answer["movie_title"].numpy().tolist(), answer["score"].numpy()
        for rank, title, listed, score in zip(
            outputs["unseen_rank"].numpy(), titles, lists, scores, strict=True
        ):
            checked += 1
            # Ties count against the model: of equal scores the last place.
            own = score[listed.index(title)]
            assert rank == np.sum(score >= own)
    assert checked == parquet.count_rows(artifacts.examples.uri, EVAL_SPLIT)


def test_statistics_add_up() -> None:
    ranks = np.array([1, 3, 200, 7, 0, 90])
    values = rank_values(ranks, ranks)
    counted = {"unusable_rows": ranks == 0}
    slices = [np.arange(6), np.arange(2), np.arange(2, 6)]
    whole, *parts = RankStatistics.of_slices(values, counted, slices)
    both = parts[0] + RankStatistics() + parts[1]
    hits = np.array([1, 1, 0, 1, 0, 0])
    assert both.totals == pytest.approx(whole.totals)
    assert both.squares == pytest.approx(whole.squares)
    assert both.rows == whole.rows
    assert both.counts == {"unusable_rows": 1}
    assert both.mean("top_10_accuracy") == pytest.approx(hits.mean())
    expected = hits.std(ddof=1) / math.sqrt(6)
    assert both.standard_error("top_10_accuracy") == pytest.approx(expected)


@pytest.mark.parametrize("pending", [5, 65_536])
def test_lists_add_up_however_they_are_cut(pending: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_statistics, "_MOST_PENDING", pending)
    rng = np.random.default_rng(0)
    top = rng.integers(0, 3, (400, 2))
    served = rng.integers(-1, 40, (400, 5))
    statistics = ListStatistics()
    for start in range(0, 400, 7):
        statistics += ListStatistics.of_rows(served[start : start + 7], top[start : start + 7], 50)
    assert statistics.coverage() == len(set(served.ravel()) - {-1}) / 50
    _, counts = np.unique(top, axis=0, return_counts=True)
    assert statistics.repeated_share() == counts.max() / 400
