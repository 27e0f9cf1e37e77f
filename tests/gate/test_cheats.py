"""Every way to cheat that we could think of: a real model, the real Evaluator, the real Pusher."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.evaluator.gate import GateBounds, SliceFloor
from components.examples import parquet
from components.serving import export
from components.serving.scorers import DotProductScorer
from components.serving.seen import SeenCandidates
from components.trainer import training
from components.trainer.model import TwoTowerModel
from components.transform import preprocessing, reading
from components.transform.graph import TransformGraph
from pipeline import presets
from tests.components.steps import (
    Artifacts,
    failed_checks,
    new_artifact,
    run_evaluator,
    run_pusher,
    run_trainer,
)

pytestmark = pytest.mark.slow

HYPERPARAMETERS = presets.load(presets.DEFAULT, []).training


@dataclasses.dataclass(frozen=True)
class Judge:
    """Takes a model through Evaluator and Pusher, before a serving folder that holds a version."""

    real: Artifacts
    bounds: GateBounds
    folder: Path

    def failed(
        self, model: Any, baseline: Any = None, bounds: GateBounds | None = None
    ) -> list[str]:
        """The failed checks; asserts that nothing is pushed unless there are none."""
        serving = self.folder / "serving"
        (serving / "1").mkdir(parents=True)
        (serving / "1" / "saved_model.pb").write_text("the model that is served")
        before = _contents(serving)
        bounds = bounds or self.bounds
        _, blessing = run_evaluator(self.real, self.folder, model, bounds, baseline)
        outcome = run_pusher(model, blessing, serving, self.folder)
        failed = failed_checks(blessing)
        assert outcome == ("not_blessed" if failed else "pushed")
        assert (_contents(serving) == before) == bool(failed)
        return failed


@pytest.fixture
def judge(real: Artifacts, bounds: GateBounds, tmp_path: Path) -> Judge:
    return Judge(real, bounds, tmp_path)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _doctored(model: Any, folder: Path, change: Callable[[Any], None]) -> Any:
    """A copy of an exported model with other tables."""
    loaded = tf.saved_model.load(f"{model.uri}/Format-Serving")
    change(loaded)
    return _saved(loaded, dict(loaded.signatures.items()), folder)


def _saved(module: tf.Module, signatures: dict[str, Any], folder: Path) -> Any:
    artifact = new_artifact(standard_artifacts.Model, folder, 9)
    tf.saved_model.save(module, f"{artifact.uri}/Format-Serving", signatures)
    return artifact


def _retrained(real: Artifacts, folder: Path, **changes: Any) -> Any:
    hyperparameters = dataclasses.replace(HYPERPARAMETERS, **changes)
    return run_trainer(real.training_inputs(), folder, hyperparameters)[0]


def test_a_good_model_is_blessed_and_pushed(judge: Judge) -> None:
    assert judge.failed(judge.real.model) == []


def test_untrained(judge: Judge) -> None:
    model = _retrained(judge.real, judge.folder / "cheat", learning_rate=1e-12, epochs=1)
    assert {"unseen_top_100_accuracy", "gain_over_popularity"} <= set(judge.failed(model))


def test_constant_embeddings(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        table = loaded.scorer.candidate_vectors
        table.assign(tf.ones_like(table))

    failed = judge.failed(_doctored(judge.real.model, judge.folder / "cheat", change))
    assert {"top_100_accuracy", "unseen_top_100_accuracy", "repeated_top_10_share"} <= set(failed)


def test_all_zero(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        for table in (loaded.scorer.query_vectors, loaded.scorer.candidate_vectors):
            table.assign(tf.zeros_like(table))

    failed = judge.failed(_doctored(judge.real.model, judge.folder / "cheat", change))
    assert {"unseen_top_100_accuracy", "unusable_rows", "unusable_vectors"} <= set(failed)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_finite_number_in_one_row(judge: Judge, value: float) -> None:
    def change(loaded: Any) -> None:
        vectors = loaded.scorer.query_vectors.numpy()
        vectors[3, 5] = value
        loaded.scorer.query_vectors.assign(vectors)

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert judge.failed(model) == ["unusable_rows"]


def test_popularity_dressed_up_as_a_model(judge: Judge) -> None:
    """Vectors of every width say nothing but popularity."""

    def change(loaded: Any) -> None:
        queries = loaded.scorer.query_vectors.numpy()
        noise = np.random.default_rng(0).normal(0, 1e-3, queries.shape)
        noise[:, -1] = 1
        loaded.scorer.query_vectors.assign(noise.astype(np.float32))

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    # Even where the floor under the accuracy is too low to see it.
    low = dataclasses.replace(
        judge.bounds, min_unseen_top_100_accuracy=0.2, min_top_100_accuracy=0.2
    )
    assert "gain_over_popularity" in judge.failed(model, bounds=low)


def test_trained_on_shuffled_labels(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    train = training.train

    def with_shuffled_labels(split: reading.Interactions, *arguments: Any) -> Any:
        shuffled = np.random.default_rng(0).permutation(split.candidate)
        return train(reading.Interactions(split.query, shuffled), *arguments)

    monkeypatch.setattr(training, "train", with_shuffled_labels)
    failed = judge.failed(_retrained(judge.real, judge.folder / "cheat"))
    assert {"unseen_top_100_accuracy", "gain_over_popularity"} <= set(failed)


def test_sign_of_logq_flipped(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    initialize = TwoTowerModel.__init__

    def with_flipped_sign(self: TwoTowerModel, *arguments: Any) -> None:
        initialize(self, *arguments)
        # log(1 / p) is -log(p).
        self._sampling_probability = 1 / self._sampling_probability

    monkeypatch.setattr(TwoTowerModel, "__init__", with_flipped_sign)
    failed = judge.failed(_retrained(judge.real, judge.folder / "cheat"))
    assert "unseen_top_100_accuracy" in failed


def test_index_missing_a_third_of_the_catalogue(judge: Judge) -> None:
    """The third that is least frequent: the accuracy hardly shows it."""
    real = judge.real
    definition = preprocessing.DEFINITION
    candidates = reading.load_candidates(
        real.candidates.uri, "train", real.transform_graph.uri, definition
    )
    kept = len(candidates) * 2 // 3
    tables = tf.saved_model.load(f"{real.model.uri}/Format-Serving")
    queries, vectors = (
        table.numpy() for table in (tables.scorer.query_vectors, tables.scorer.candidate_vectors)
    )
    train_split = reading.load_interactions(
        real.examples.uri, "train", real.transform_graph.uri, definition
    )
    module = export.RetrievalServing(
        DotProductScorer(queries[:-1, :-1], vectors[:kept, :-1], np.expm1(vectors[:kept, -1])),
        dataclasses.replace(
            candidates,
            keys=candidates.keys[:kept],
            ids=candidates.ids[:kept],
            titles=candidates.titles[:kept],
        ),
        SeenCandidates.in_train(_below(train_split, kept), len(queries) - 1, kept),
        TransformGraph(real.transform_graph.uri),
        definition,
    )
    model = _saved(module, module.signatures(), judge.folder / "cheat")
    assert judge.failed(model) == ["index_differences"]


def _below(split: reading.Interactions, bound: int) -> reading.Interactions:
    rows = split.candidate < bound
    return reading.Interactions(split.query[rows], split.candidate[rows])


def test_candidate_ids_shifted_by_one(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        for table in (loaded.ids, loaded.titles):
            table.assign(tf.roll(table, 1, axis=0))

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert judge.failed(model) == ["rows_served_differently"]


def test_ids_that_do_not_belong_to_their_titles(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        loaded.ids.assign(tf.roll(loaded.ids, 1, axis=0))

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert {"index_differences", "rows_served_differently"} <= set(judge.failed(model))


def test_evaluation_graph_differs_from_the_serving_graph(judge: Judge) -> None:
    """A good model is shown to the Evaluator, another one would be served."""
    module = tf.Module()
    module.good = tf.saved_model.load(f"{judge.real.model.uri}/Format-Serving")
    module.served = tf.saved_model.load(f"{judge.real.peers['popularity'].uri}/Format-Serving")
    signatures = dict(module.good.signatures.items())
    signatures[export.SERVING_SIGNATURE] = module.served.signatures[export.SERVING_SIGNATURE]
    model = _saved(module, signatures, judge.folder / "cheat")
    failed = judge.failed(model)
    # It serves popularity, so its lists cover too little besides.
    assert (
        {"rows_served_differently"}
        <= set(failed)
        <= {
            "rows_served_differently",
            "coverage_at_100",
        }
    )


def test_serving_without_exclusion_of_the_seen(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        splits = loaded.seen_splits.numpy()
        splits[:-1] = 0  # all of it is the unknown user's
        loaded.seen_splits.assign(splits)

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert judge.failed(model) == ["rows_served_differently"]


def test_trained_on_eval_rows(judge: Judge) -> None:
    """The train split has the eval split in it, as a leaking ExampleGen would have it."""
    leaking = new_artifact(standard_artifacts.Examples, judge.folder / "leaking")
    shutil.copytree(judge.real.examples.uri, leaking.uri, dirs_exist_ok=True)
    for place, path in enumerate(sorted(Path(judge.real.examples.uri, "Split-eval").iterdir())):
        shutil.copy(path, Path(leaking.uri, "Split-train", f"leaked-{place}.parquet"))
    assert parquet.count_rows(leaking.uri, "train") == 72216 + 19905
    inputs = {**judge.real.training_inputs(), "examples": leaking}
    model, _ = run_trainer(inputs, judge.folder / "cheat", HYPERPARAMETERS)
    failed = judge.failed(model)
    assert "share_of_rows_in_train" in failed
    assert "unseen_top_100_accuracy" not in failed


def test_better_overall_but_far_worse_on_a_floored_slice(judge: Judge, real: Artifacts) -> None:
    """Better than the blessed model by what it learnt of others, and broken for the eldest."""
    old = _users_of_age(real, 56.0)
    queries = Path(real.transform_graph.uri, "transform_fn", "assets", "queries")
    rows = [row for row, user in enumerate(queries.read_text().splitlines()) if user in old]

    def weaken(loaded: Any) -> None:
        vectors = loaded.scorer.query_vectors.numpy()
        noise = np.random.default_rng(0).normal(0, 0.25, vectors[:, :-2].shape)
        vectors[:, :-2] += noise
        loaded.scorer.query_vectors.assign(vectors)

    def break_for_some(loaded: Any) -> None:
        vectors = loaded.scorer.query_vectors.numpy()
        vectors[rows, :-2] *= -1
        loaded.scorer.query_vectors.assign(vectors)

    baseline = _doctored(real.model, judge.folder / "baseline", weaken)
    model = _doctored(real.model, judge.folder / "cheat", break_for_some)
    floor = SliceFloor("bucketized_user_age", "56", 0.4, min_rows=200)
    floored = dataclasses.replace(judge.bounds, slice_floors=(floor,))
    failed = judge.failed(model, baseline, floored)
    assert failed == ["slice bucketized_user_age=56"]
    # Without the floor it is blessed, and better than the baseline.
    again = Judge(real, judge.bounds, judge.folder / "unfloored")
    assert again.failed(model, baseline) == []


def _users_of_age(real: Artifacts, age: float) -> set[str]:
    users = set()
    for batch in parquet.read_split(real.examples.uri, "eval", ["user_id", "bucketized_user_age"]):
        for user, group in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if group[0] == age:
                users.add(user[0].decode())
    return users


def test_reasons_come_with_their_figures(
    real: Artifacts, bounds: GateBounds, tmp_path: Path
) -> None:
    _, blessing = run_evaluator(real, tmp_path, real.model, bounds)
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    by_check = {reason["check"]: reason for reason in reasons}
    assert by_check["unseen_top_100_accuracy"]["bound"] == bounds.min_unseen_top_100_accuracy
    assert by_check["gain_over_popularity"]["value"] > bounds.min_gain_over_popularity
    assert (
        f"{by_check['unseen_top_100_accuracy']['value']:.4f}"
        in by_check["unseen_top_100_accuracy"]["sentence"]
    )
