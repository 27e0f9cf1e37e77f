"""The Evaluator and the PeerEvaluator against an oracle in plain Python."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.datasets.movielens import MOVIELENS
from components.evaluator import extractors, rank_statistics
from components.evaluator.evaluation import EVAL_SPLIT, evaluate
from components.evaluator.gate import GateBounds
from components.evaluator.rank_statistics import ListStatistics, RankStatistics, rank_values
from components.example_gen.splits import SplitSpec
from components.examples import parquet
from components.peers import item_knn, session_knn
from components.peers.names import ITEM_KNN, PEERS, POPULARITY, SESSION_KNN
from components.serving import interface
from components.serving.asking import ask
from components.trainer.hyperparameters import Hyperparameters
from tests.components.conftest import HYPERPARAMETERS
from tests.components.oracle import Metrics, Oracle, Score, SliceName
from tests.components.steps import (
    BEAM_ARGUMENTS,
    SLICES,
    Artifacts,
    run_evaluator,
    run_example_gen,
    run_peer,
    run_trainer,
    run_transform,
)

LOOSE = GateBounds(
    min_unseen_top_100_accuracy=0.01,
    min_top_100_accuracy=0.01,
    max_drop_from_baseline=0.05,
    min_gain_over_popularity=0.0,
    min_coverage_at_100=0.01,
    max_repeated_top_10_share=0.9,
    max_share_in_train=0.0,
)
# Reads all that a tower can read but the id, which nobody gives with a history.
_ROLLING = dataclasses.replace(
    HYPERPARAMETERS, history="all", session_decays=(600.0, 86400.0), query_features=True, epochs=1
)


@dataclasses.dataclass(frozen=True)
class Rolling:
    """Models evaluated where rows know the earlier events of their own split.

    Attributes:
        oracle: The data set.
        models: The models by name.
        output: Where TFMA wrote.
    """

    oracle: Oracle
    models: dict[str, Any]
    output: str


@pytest.fixture(scope="module")
def oracle(artifacts: Artifacts) -> Oracle:
    return Oracle(artifacts.examples, artifacts.transform_graph)


@pytest.fixture(scope="module")
def rolling(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Rolling:
    """The data set split by time, some of whose eval users train does not have."""
    folder = tmp_path_factory.mktemp("rolling")
    raw = _within_days(raw_folder, folder / "raw", days=10)
    spec = SplitSpec(method="temporal", history="rolling", history_length=25)
    examples, candidates = run_example_gen(str(raw), folder, spec)
    transform_graph = run_transform(examples, candidates, folder)
    inputs = {"examples": examples, "candidates": candidates, "transform_graph": transform_graph}
    models = {"model": run_trainer(inputs, folder, _ROLLING)[0]}
    for peer in (POPULARITY, SESSION_KNN):
        models[peer] = run_peer(peer, inputs, folder)
    output = str(folder / "evaluation")
    pipeline = beam.Pipeline(argv=BEAM_ARGUMENTS)
    evaluate(pipeline, examples, candidates, models, None, SLICES, MOVIELENS, output)
    return Rolling(Oracle(examples, transform_graph), models, output)


def _within_days(raw_folder: Path, folder: Path, days: int) -> Path:
    """Writes a data set once more with all users active within a few days."""
    folder.mkdir()
    for name in ("u.item", "u.user"):
        shutil.copy(raw_folder / name, folder)
    events = [line.split("\t") for line in (raw_folder / "u.data").read_text().splitlines()]
    for event in events:
        event[3] = str(880_000_000 + int(event[3]) % (days * 24 * 3600))
    (folder / "u.data").write_text("".join("\t".join(event) + "\n" for event in events))
    return folder


def _of_tfma(output: str, model_name: str | None) -> dict[SliceName, Metrics]:
    result = tfma.load_eval_result(output, model_name=model_name)
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


def _assert_equal(
    measured: dict[SliceName, Metrics],
    expected: dict[SliceName, Metrics],
    without: Sequence[str] = (),
) -> None:
    assert set(measured) == set(expected)
    for name, metrics in expected.items():
        for metric in set(metrics) - set(without):
            found = measured[name][metric]
            assert found == pytest.approx(metrics[metric], abs=1e-9), (name, metric)


def _score(oracle: Oracle, name: str, model: Any, hyperparameters: Hyperparameters) -> Score:
    """The scores of a model, by hand."""
    if name == "model":
        return oracle.tower(model, hyperparameters)
    if name == ITEM_KNN:
        return oracle.item_knn(item_knn.NEIGHBOURS)
    if name == SESSION_KNN:
        return oracle.session_knn(
            session_knn.NEIGHBOURS, session_knn.SITTING_ENDS_AFTER, session_knn.DECAY
        )
    return oracle.dot_product(model)


def _metrics_that_ties_decide(name: str) -> Sequence[str]:
    """Sums of neighbours in float32 tie or not by their last bit: lists may differ there."""
    is_sum = name in (ITEM_KNN, SESSION_KNN)
    lists = ("coverage_at_100", "repeated_top_10_share", "popularity_rank_at_100")
    return lists if is_sum else ()


def test_metrics_and_slices_equal_the_oracle(
    artifacts: Artifacts, oracle: Oracle, tmp_path: Path
) -> None:
    evaluation, blessing = run_evaluator(artifacts, tmp_path, artifacts.model, LOOSE)
    expected = oracle.metrics(oracle.tower(artifacts.model, HYPERPARAMETERS))
    overall = expected[None]
    _assert_equal(_of_tfma(evaluation.uri, None), expected)
    assert len(expected) > 30
    assert overall["returning_top_100_accuracy"] != overall["unseen_top_100_accuracy"]
    recorded = json.loads(evaluation.get_string_custom_property("metrics"))
    _assert_equal({None: recorded}, {None: overall})
    slices = json.loads(evaluation.get_string_custom_property("slices"))
    women = expected["user_gender", "female"]
    assert slices["user_gender"]["female"] == {
        name: pytest.approx(women[name], abs=1e-9)
        for name in ("example_count", "top_100_accuracy", "unseen_top_100_accuracy")
    }
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    assert all(set(r) == {"check", "value", "bound", "passed", "sentence"} for r in reasons)


@pytest.mark.parametrize("peer", PEERS)
def test_peers_equal_the_oracle(artifacts: Artifacts, oracle: Oracle, peer: str) -> None:
    score = _score(oracle, peer, artifacts.peers[peer], HYPERPARAMETERS)
    measured = _of_tfma(artifacts.peer_evaluation.uri, peer)
    _assert_equal(measured, oracle.metrics(score), without=_metrics_that_ties_decide(peer))


@pytest.mark.parametrize("name", ["model", POPULARITY, SESSION_KNN])
def test_rolling_histories_equal_the_oracle(rolling: Rolling, name: str) -> None:
    oracle = rolling.oracle
    users = {row.user for row in oracle.rows}
    assert users - set(oracle.users)
    assert users & set(oracle.users)
    assert max(len(row.history) for row in oracle.rows) == 25
    score = _score(oracle, name, rolling.models[name], _ROLLING)
    expected = oracle.metrics(score)
    _assert_equal(_of_tfma(rolling.output, name), expected, without=_metrics_that_ties_decide(name))


def test_popularity_peer_ranks_by_train_events(artifacts: Artifacts, oracle: Oracle) -> None:
    scores = oracle.dot_product(artifacts.peers[POPULARITY])(oracle.rows[0])
    events = np.array([oracle.popularity[title] for title in oracle.titles])
    np.testing.assert_allclose(scores, np.log1p(events), rtol=1e-6)


def test_intervals_are_those_of_the_t_distribution(artifacts: Artifacts) -> None:
    peers = artifacts.peer_evaluation
    metrics, intervals = (
        json.loads(peers.get_string_custom_property(name))[SESSION_KNN]
        for name in ("metrics", "intervals")
    )
    low, high = intervals["unseen_top_10_accuracy"]
    share, rows = metrics["unseen_top_10_accuracy"], metrics["example_count"]
    error = math.sqrt(share * (1 - share) / (rows - 1))
    # 1.9645: the 97.5 % quantile of Student's t at 600 degrees of freedom is within 0.001 of it.
    assert high - share == pytest.approx(1.9645 * error, rel=1e-3)
    assert share - low == pytest.approx(1.9645 * error, rel=1e-3)


@pytest.mark.parametrize("name", ["model", *PEERS])
def test_ranks_are_the_places_in_the_list_served_at_that_time(
    artifacts: Artifacts, name: str
) -> None:
    model = {**artifacts.peers, "model": artifacts.model}[name]
    loaded = tf.saved_model.load(f"{model.uri}/Format-Serving")
    checked = 0
    for batch in parquet.read_split(artifacts.examples.uri, EVAL_SPLIT):
        columns = extractors.read_columns(MOVIELENS)
        serialized = extractors.serialize({"arrow_record_batch": batch}, columns)["input"]
        outputs = loaded.signatures[interface.EVALUATION_SIGNATURE](
            examples=tf.constant(serialized)
        )
        users, titles, times = (
            [values[0] for values in batch.column(batch.schema.get_field_index(name)).to_pylist()]
            for name in ("user_id", "movie_title", "timestamp")
        )
        answer = ask(
            loaded.signatures[interface.RECOMMEND_SIGNATURE],
            {"user_id": users, "request_time": times},
        )
        lists, scores = answer["movie_title"].tolist(), answer["score"]
        for rank, title, listed, score in zip(
            outputs["unseen_rank"].numpy(), titles, lists, scores, strict=True
        ):
            if title not in listed:
                assert rank > 100
                continue
            # Ties count against the model: of equal scores the last place, in the list or beyond.
            own = score[listed.index(title)]
            last = np.sum(score >= own)
            assert rank == last or (own == score[-1] and rank > last)
            checked += 1
    assert checked > 0.5 * parquet.count_rows(artifacts.examples.uri, EVAL_SPLIT)


def test_statistics_add_up() -> None:
    ranks = np.array([1, 3, 200, 7, 0, 90])
    values = rank_values(ranks, ranks, ranks)
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
