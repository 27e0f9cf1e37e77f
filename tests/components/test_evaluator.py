"""The Evaluator against an oracle in numpy, and its gate."""

from __future__ import annotations

import collections
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.evaluator import executor, gate
from components.evaluator.gate import GateBounds
from components.evaluator.rank_statistics import RankStatistics
from components.examples import parquet
from components.trainer import export
from tests.components.conftest import Artifacts, beam_context, new_artifact

_LOOSE = GateBounds(0.01, 0.01, 0.05)


def _evaluate(
    artifacts: Artifacts, output: Path, model: Any, bounds: GateBounds, baseline: Any = None
) -> tuple[Any, Any]:
    evaluation = new_artifact(standard_artifacts.ModelEvaluation, output / "evaluation", 5)
    blessing = new_artifact(standard_artifacts.ModelBlessing, output / "blessing", 6)
    executor.Executor(beam_context(output)).Do(
        {
            "examples": [artifacts.examples],
            "model": [model],
            "baseline_model": [baseline] if baseline else [],
        },
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"gate": bounds.to_json(), "code_version": ""},
    )
    return evaluation, blessing


def _oracle(artifacts: Artifacts, model: Any) -> dict[str, float]:
    """Every metric from the model's tables and the raw columns, with plain loops."""
    loaded = tf.saved_model.load(f"{model.uri}/Format-Serving")
    queries = (
        Path(artifacts.transform_graph.uri, "transform_fn/assets/queries").read_bytes().split()
    )
    titles = list(loaded.titles.numpy())
    vectors, candidates = loaded.query_vectors.numpy(), loaded.candidate_vectors.numpy()
    seen = collections.defaultdict(set)
    for batch in parquet.read_split(artifacts.examples.uri, "train", ["user_id", "movie_title"]):
        for user, title in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            seen[user[0]].add(title[0])
    sums: dict[str, float] = collections.defaultdict(float)
    rows = 0
    for batch in parquet.read_split(artifacts.examples.uri, "eval", ["user_id", "movie_title"]):
        for user, title in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            rows += 1
            row = queries.index(user[0]) if user[0] in queries else len(queries)
            scores = candidates @ vectors[row]
            own = scores[titles.index(title[0])]
            kept = np.array([other not in seen[user[0]] for other in titles])
            rank, unseen = int(np.sum(scores >= own)), int(np.sum(scores[kept] >= own))
            for k in (1, 5, 10, 50, 100):
                sums[f"top_{k}_accuracy"] += rank <= k
                sums[f"unseen_top_{k}_accuracy"] += unseen <= k
            sums["unseen_mrr"] += 1 / unseen
            for k in (10, 100):
                sums[f"unseen_ndcg_at_{k}"] += (unseen <= k) / math.log2(1 + unseen)
    return {name: total / rows for name, total in sums.items()} | {"example_count": rows}


def test_metrics_equal_the_oracle(artifacts: Artifacts, tmp_path: Path) -> None:
    evaluation, blessing = _evaluate(artifacts, tmp_path, artifacts.model, _LOOSE)
    measured = json.loads(evaluation.get_string_custom_property("metrics"))
    expected = _oracle(artifacts, artifacts.model)
    assert set(measured) == {*expected, "unusable_rows"}
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, abs=1e-9), name
    assert blessing.get_int_custom_property("blessed") == 1
    assert (Path(blessing.uri) / "BLESSED").exists()


class _Doctored:
    """The exported model with other tables."""

    def __init__(self, artifacts: Artifacts, folder: Path) -> None:
        self.model = tf.saved_model.load(f"{artifacts.model.uri}/Format-Serving")
        self.artifact = new_artifact(standard_artifacts.Model, folder, 9)

    def save(self) -> Any:
        signatures = dict(self.model.signatures.items())
        tf.saved_model.save(self.model, f"{self.artifact.uri}/Format-Serving", signatures)
        return self.artifact


def _failed(blessing: Any) -> list[str]:
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    return [reason["check"] for reason in reasons if not reason["passed"]]


def test_constant_model_scores_zero_and_is_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    doctored = _Doctored(artifacts, tmp_path / "constant")
    table = doctored.model.candidate_vectors
    table.assign(tf.ones_like(table))
    evaluation, blessing = _evaluate(artifacts, tmp_path, doctored.save(), _LOOSE)
    measured = json.loads(evaluation.get_string_custom_property("metrics"))
    assert measured["top_100_accuracy"] == 0.0
    assert measured["unseen_top_50_accuracy"] == 0.0
    assert blessing.get_int_custom_property("blessed") == 0
    assert (Path(blessing.uri) / "NOT_BLESSED").exists()


def test_not_a_number_in_one_row_is_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    doctored = _Doctored(artifacts, tmp_path / "nan")
    queries = doctored.model.query_vectors.numpy()
    queries[0, 0] = np.nan
    doctored.model.query_vectors.assign(queries)
    _, blessing = _evaluate(artifacts, tmp_path, doctored.save(), _LOOSE)
    assert _failed(blessing) == ["unusable_rows"]


def test_worse_than_the_baseline_is_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    doctored = _Doctored(artifacts, tmp_path / "negated")
    doctored.model.candidate_vectors.assign(-doctored.model.candidate_vectors)
    worse = doctored.save()
    _, blessing = _evaluate(
        artifacts, tmp_path / "worse", worse, GateBounds(1e-9, 1e-9, 0.0), artifacts.model
    )
    assert "baseline_unseen_top_100_accuracy" in _failed(blessing)
    _, blessing = _evaluate(artifacts, tmp_path / "better", artifacts.model, _LOOSE, worse)
    assert _failed(blessing) == []
    assert blessing.get_int_custom_property("baseline_model_id") == 9


def test_evaluation_ranks_equal_the_served_positions(artifacts: Artifacts) -> None:
    model = tf.saved_model.load(f"{artifacts.model.uri}/Format-Serving")
    from components.evaluator import extractors

    for batch in parquet.read_split(artifacts.examples.uri, "eval"):
        extracts = extractors.serialize(
            {"arrow_record_batch": batch}, ["user_id", "movie_title", "seen_candidates"]
        )
        outputs = model.signatures[export.EVALUATION_SIGNATURE](
            examples=tf.constant(extracts["input"])
        )
        users = [
            user[0] for user in batch.column(batch.schema.get_field_index("user_id")).to_pylist()
        ]
        titles = [
            t[0] for t in batch.column(batch.schema.get_field_index("movie_title")).to_pylist()
        ]
        lists = model.signatures[export.SERVING_SIGNATURE](user_id=tf.constant(users))[
            "movie_title"
        ].numpy()
        for rank, title, listed in zip(outputs["unseen_rank"].numpy(), titles, lists, strict=True):
            assert (list(listed).index(title) == rank - 1) if rank <= 100 else title not in listed


def test_standard_error_is_that_of_the_mean() -> None:
    ranks = np.array([1, 3, 200, 7, 0, 90])
    statistics = RankStatistics.of_rows(ranks, ranks, np.ones(6, bool))
    both = statistics + RankStatistics()
    hits = np.array([1, 1, 0, 1, 0, 0])
    assert both.mean("top_10_accuracy") == pytest.approx(hits.mean())
    expected = hits.std(ddof=1) / math.sqrt(6)
    assert both.standard_error("top_10_accuracy") == pytest.approx(expected)


@pytest.mark.parametrize("bounds", [(0.0, 0.3, 0.01), (0.5, 1.1, 0.01), (0.5, 0.3, -0.1)])
def test_bounds_that_cannot_fail_are_an_error(bounds: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="gate"):
        GateBounds(*bounds)


def test_missing_metric_is_an_error_and_nan_fails() -> None:
    with pytest.raises(KeyError):
        gate.check_model({"top_100_accuracy": 0.5}, None, _LOOSE)
    metrics = {"top_100_accuracy": 0.5, "unseen_top_100_accuracy": math.nan, "unusable_rows": 0.0}
    failed = [
        reason.check for reason in gate.check_model(metrics, None, _LOOSE) if not reason.passed
    ]
    assert failed == ["unseen_top_100_accuracy"]
