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
from components.examples.artifacts import SPLIT
from components.peers.names import IMPLICIT_ALS, POPULARITY
from components.serving import interface
from components.serving.context import QueryContext
from components.serving.evaluation import EvaluationGraph
from components.serving.indexes.index import BruteForce
from components.serving.query_events import QueryEvents
from components.serving.scorers import DotProductScorer, TowerScorer
from components.serving.serving_module import RetrievalServing
from components.serving.signatures import default
from components.serving.train_data import TrainData
from components.trainer import training
from components.trainer.candidate_features import side_by_side
from components.trainer.model import TwoTowerModel
from components.trainer.query_tower import QueryTower
from components.transform import preprocessing, reading
from components.transform.graph import TransformGraph
from tests.components.steps import (
    Artifacts,
    failed_checks,
    new_artifact,
    run_evaluator,
    run_pusher,
    run_trainer,
)
from tests.gate.conftest import HYPERPARAMETERS

pytestmark = pytest.mark.slow


@dataclasses.dataclass(frozen=True)
class Judge:
    """Takes a model through Evaluator and Pusher, before a serving folder that holds a version."""

    real: Artifacts
    bounds: GateBounds
    folder: Path

    def reasons(
        self, model: Any, baseline: Any = None, bounds: GateBounds | None = None
    ) -> dict[str, dict[str, Any]]:
        """Each check by its name; asserts that nothing is pushed unless all passed."""
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
        reasons = json.loads(blessing.get_string_custom_property("reasons"))
        return {reason["check"]: reason for reason in reasons}

    def failed(
        self, model: Any, baseline: Any = None, bounds: GateBounds | None = None
    ) -> list[str]:
        """Names of the checks of `reasons` that failed."""
        reasons = self.reasons(model, baseline, bounds)
        return [name for name, reason in reasons.items() if not reason["passed"]]


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


def test_a_good_model_is_blessed_and_pushed_for_reasons_with_figures(judge: Judge) -> None:
    reasons = judge.reasons(judge.real.model)
    assert all(reason["passed"] for reason in reasons.values())
    accuracy = reasons["unseen_top_100_accuracy"]
    assert accuracy["bound"] == judge.bounds.min_unseen_top_100_accuracy
    assert f"{accuracy['value']:.4f}" in accuracy["sentence"]
    gain = reasons["gain_over_popularity"]
    assert gain["value"] > gain["bound"] == judge.bounds.min_gain_over_popularity


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
        tower = loaded.scorer.query_tower
        for table in (loaded.scorer.candidate_vectors, tower.event_vectors, tower.constant):
            table.assign(tf.zeros_like(table))

    failed = judge.failed(_doctored(judge.real.model, judge.folder / "cheat", change))
    assert {"unseen_top_100_accuracy", "repeated_top_10_share", "unusable_vectors"} <= set(failed)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_no_finite_number_in_some_rows(judge: Judge, value: float) -> None:
    """Those of the few users who have seen one rare title."""

    def change(loaded: Any) -> None:
        vectors = loaded.scorer.query_tower.event_vectors.numpy()
        vectors[1_200, 5] = value
        loaded.scorer.query_tower.event_vectors.assign(vectors)

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert judge.failed(model) == ["unusable_rows"]


def test_popularity_dressed_up_as_a_model(judge: Judge) -> None:
    """Vectors of every width say nothing but popularity."""

    def change(loaded: Any) -> None:
        vectors = loaded.scorer.candidate_vectors.numpy()
        noise = np.random.default_rng(0).normal(0, 1e-3, vectors.shape)
        popularity = tf.saved_model.load(f"{judge.real.peers[POPULARITY].uri}/Format-Serving")
        noise[:, -1] = popularity.scorer.candidate_vectors.numpy()[:, -1]
        loaded.scorer.candidate_vectors.assign(noise.astype(np.float32))

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
        return train(dataclasses.replace(split, candidate=shuffled), *arguments)

    monkeypatch.setattr(training, "train", with_shuffled_labels)
    failed = judge.failed(_retrained(judge.real, judge.folder / "cheat", epochs=1))
    assert {"unseen_top_100_accuracy", "gain_over_popularity"} <= set(failed)


def test_sign_of_logq_flipped(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    initialize = TwoTowerModel.__init__

    def with_flipped_sign(self: TwoTowerModel, *arguments: Any) -> None:
        initialize(self, *arguments)
        # Its logarithm is -log(p) and a constant, which no softmax tells from nothing.
        probability = self._sampling_probability
        self._sampling_probability = tf.reduce_min(probability) / probability

    monkeypatch.setattr(TwoTowerModel, "__init__", with_flipped_sign)
    failed = judge.failed(_retrained(judge.real, judge.folder / "cheat", epochs=1))
    # After one epoch a model with the right sign is far above popularity.
    assert {"unseen_top_100_accuracy", "gain_over_popularity"} <= set(failed)


def test_index_missing_a_third_of_the_catalogue(judge: Judge) -> None:
    """The third that is least frequent: the accuracy hardly shows it."""
    real = judge.real
    definition = preprocessing.DEFINITION
    candidates = reading.load_candidates(
        real.candidates.uri, "train", real.transform_graph.uri, definition
    )
    kept = len(candidates) * 2 // 3
    tables = tf.saved_model.load(f"{real.peers[IMPLICIT_ALS].uri}/Format-Serving")
    queries, vectors = (
        table.numpy() for table in (tables.scorer.query_vectors, tables.scorer.candidate_vectors)
    )
    split = reading.load_interactions(
        real.examples.uri,
        "train",
        real.transform_graph.uri,
        definition,
        candidates,
        with_history=False,
    )
    rows = split.candidate < kept
    below = dataclasses.replace(
        split, query=split.query[rows], candidate=split.candidate[rows], time=split.time[rows]
    )
    scorer = DotProductScorer(queries[:-1, :-1], vectors[:kept, :-1], np.expm1(vectors[:kept, -1]))
    module = RetrievalServing(
        BruteForce(scorer, kept),
        dataclasses.replace(
            candidates,
            keys=candidates.keys[:kept],
            ids=candidates.ids[:kept],
            titles=candidates.titles[:kept],
            aliases=candidates.aliases[:kept],
            features={name: values[:kept] for name, values in candidates.features.items()},
        ),
        QueryEvents.in_train(below, len(queries) - 1),
        512,
        TransformGraph(real.transform_graph.uri),
        definition,
    )
    model = _saved(module, module.signatures(), judge.folder / "cheat")
    assert judge.failed(model, bounds=_for_als(judge.bounds)) == ["index_differences"]


def _make_usable(als: Any) -> None:
    """Candidates without train events have a vector of zeros in ALS, which the gate refuses."""
    vectors = als.scorer.candidate_vectors.numpy()
    vectors[np.linalg.norm(vectors, axis=1) == 0, 0] = 1e-6
    als.scorer.candidate_vectors.assign(vectors)


def _for_als(bounds: GateBounds) -> GateBounds:
    """What ALS passes, whose tables are easier to tamper with than a tower."""
    return dataclasses.replace(bounds, min_unseen_top_100_accuracy=0.5, min_top_100_accuracy=0.3)


def test_candidate_ids_shifted_by_one(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        for table in (loaded.catalogue.ids, loaded.catalogue.titles):
            table.assign(tf.roll(table, 1, axis=0))

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert judge.failed(model) == ["rows_served_differently"]


def test_ids_that_do_not_belong_to_their_titles(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        loaded.catalogue.ids.assign(tf.roll(loaded.catalogue.ids, 1, axis=0))

    model = _doctored(judge.real.model, judge.folder / "cheat", change)
    assert {"index_differences", "rows_served_differently"} <= set(judge.failed(model))


def test_evaluation_graph_differs_from_the_serving_graph(judge: Judge) -> None:
    """A good model is shown to the Evaluator, another one would be served."""
    module = tf.Module()
    module.good = tf.saved_model.load(f"{judge.real.model.uri}/Format-Serving")
    module.served = tf.saved_model.load(f"{judge.real.peers[POPULARITY].uri}/Format-Serving")
    signatures = dict(module.good.signatures.items())
    recommend = module.served.signatures[interface.RECOMMEND_SIGNATURE]
    others = (interface.EXCLUDE, interface.EXCLUDE_SEEN, interface.EXACT)
    usual = {name: default(name) for name in (*others, interface.K, interface.REQUEST_TIME)}

    # A peer has no `serving_default`: this is what it would be.
    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name=preprocessing.DEFINITION.query_id)]
    )
    def serve(query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(recommend(**{preprocessing.DEFINITION.query_id: query_id}, **usual))

    signatures[interface.RECOMMEND_SIGNATURE] = recommend
    signatures[interface.SERVING_SIGNATURE] = serve
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


def _exported_again(real: Artifacts, folder: Path) -> Any:
    """The real model's variables, exported by the code as it is now."""
    inputs = {name: [artifact] for name, artifact in real.training_inputs().items()}
    data = TrainData.read(inputs, with_history=False)
    trained = tf.saved_model.load(f"{real.model.uri}/Format-Serving").scorer
    features = side_by_side(data.candidates.features)
    tower = QueryTower(data.events.queries, len(data.candidates), {}, features, HYPERPARAMETERS)
    for variable in tower.trainable_variables:
        variable.assign(getattr(trained.query_tower, variable.name.removesuffix(":0")))
    model = new_artifact(standard_artifacts.Model, folder, 9)
    scorer = TowerScorer(
        tower, trained.candidate_vectors.numpy(), biases=1, reads_history=True, query_features=()
    )
    data.save_model(BruteForce(scorer, len(data.candidates)), model)
    return model


def _with_later_events(module: Any, context: QueryContext, *_: tf.Tensor) -> QueryContext:
    ages = context.seen.with_values(tf.ones_like(context.seen.values, tf.float32))
    return context._replace(history=context.seen, ages=ages)


def _with_the_answer(
    module: Any, context: QueryContext, request: tf.Tensor, candidate: tf.Tensor
) -> QueryContext:
    hashes, positions = module._catalogue.position_of_hash.export()
    by_position = tf.gather(hashes, tf.argsort(positions))
    order = tf.argsort(request, stable=True)
    answers = tf.RaggedTensor.from_value_rowids(
        tf.gather(by_position, tf.gather(candidate, order)),
        tf.gather(request, order),
        context.history.nrows(),
        validate=False,
    )
    at_once = answers.with_values(tf.zeros_like(answers.values, tf.float32))
    return context._replace(
        history=tf.concat([context.history, answers], axis=1),
        ages=tf.concat([context.ages, at_once], axis=1),
    )


@pytest.mark.parametrize("cheat", [_with_later_events, _with_the_answer])
def test_evaluation_reads_what_no_request_can(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, cheat: Callable[..., QueryContext]
) -> None:
    """Its ranks are of a request that knows events of its own second or later."""
    rank = EvaluationGraph._rank

    def cheating(self: Any, context: QueryContext, *rows: tf.Tensor) -> Any:
        return rank(self, cheat(self, context, *rows), *rows)

    monkeypatch.setattr(EvaluationGraph, "_rank", cheating)
    model = _exported_again(judge.real, judge.folder / "cheat")
    assert "rows_served_differently" in judge.failed(model)


def test_all_rows_declared_to_be_one_request(judge: Judge) -> None:
    """So that the Evaluator would ask for one list per batch only."""
    module = tf.Module()
    module.good = tf.saved_model.load(f"{judge.real.model.uri}/Format-Serving")
    signatures = dict(module.good.signatures.items())
    evaluation = signatures[interface.EVALUATION_SIGNATURE]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def one_request(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = dict(evaluation(examples=examples))
        return {**outputs, interface.REQUEST: tf.zeros_like(outputs[interface.REQUEST])}

    signatures[interface.EVALUATION_SIGNATURE] = one_request.get_concrete_function()
    model = _saved(module, signatures, judge.folder / "cheat")
    assert "rows_served_differently" in judge.failed(model)


def test_serving_without_exclusion_of_the_seen(judge: Judge) -> None:
    def change(loaded: Any) -> None:
        _make_usable(loaded)
        splits = loaded.known_events.splits.numpy()
        splits[:-1] = 0  # all of it is the unknown user's
        loaded.known_events.splits.assign(splits)

    model = _doctored(judge.real.peers[IMPLICIT_ALS], judge.folder / "cheat", change)
    assert judge.failed(model, bounds=_for_als(judge.bounds)) == ["rows_served_differently"]


def test_trained_on_eval_rows(judge: Judge) -> None:
    """The train split has the eval split in it, as a leaking ExampleGen would have it."""
    leaking = new_artifact(standard_artifacts.Examples, judge.folder / "leaking")
    leaking.set_string_custom_property(SPLIT, judge.real.examples.get_string_custom_property(SPLIT))
    shutil.copytree(judge.real.examples.uri, leaking.uri, dirs_exist_ok=True)
    for place, path in enumerate(sorted(Path(judge.real.examples.uri, "Split-eval").iterdir())):
        shutil.copy(path, Path(leaking.uri, "Split-train", f"leaked-{place}.parquet"))
    rows = [parquet.count_rows(judge.real.examples.uri, split) for split in ("train", "eval")]
    assert parquet.count_rows(leaking.uri, "train") == sum(rows)
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
        _make_usable(loaded)
        vectors = loaded.scorer.query_vectors.numpy()
        scale = vectors[:, :-1].std()
        vectors[:, :-1] += np.random.default_rng(0).normal(0, scale, vectors[:, :-1].shape)
        loaded.scorer.query_vectors.assign(vectors)

    def break_for_some(loaded: Any) -> None:
        _make_usable(loaded)
        vectors = loaded.scorer.query_vectors.numpy()
        vectors[rows, :-1] *= -1
        loaded.scorer.query_vectors.assign(vectors)

    als = real.peers[IMPLICIT_ALS]
    baseline = _doctored(als, judge.folder / "baseline", weaken)
    model = _doctored(als, judge.folder / "cheat", break_for_some)
    floor = SliceFloor("bucketized_user_age", "56", 0.4, min_rows=100)
    bounds = _for_als(judge.bounds)
    floored = dataclasses.replace(bounds, slice_floors=(floor,))
    failed = judge.failed(model, baseline, floored)
    assert failed == ["slice bucketized_user_age=56"]
    # Without the floor it is blessed, and better than the baseline.
    again = Judge(real, bounds, judge.folder / "unfloored")
    assert again.failed(model, baseline) == []


def _users_of_age(real: Artifacts, age: float) -> set[str]:
    users = set()
    for batch in parquet.read_split(real.examples.uri, "eval", ["user_id", "bucketized_user_age"]):
        for user, group in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if group[0] == age:
                users.add(user[0].decode())
    return users
