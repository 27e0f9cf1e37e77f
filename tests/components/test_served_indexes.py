"""Models with other indexes, or without a table of the seen, through the real components."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.gate import GateBounds
from components.index_validator.checks import CHECKS
from components.index_validator.loaded_model import Bounds, CheckFailedError, LoadedModel
from components.serving.asking import ask
from components.serving.indexes import choice, scann_ops
from components.serving.indexes.errors import IndexUnavailableError
from components.serving.indexes.options import IndexOptions
from components.serving.manifest import Manifest, checksums
from tests.components.conftest import HYPERPARAMETERS
from tests.components.steps import (
    Artifacts,
    failed_checks,
    run_evaluator,
    run_index_validator,
    run_trainer,
)

_HAS_SCANN = importlib.util.find_spec("scann") is not None
# On a small catalogue nothing is faster than ranking all of it.
_ANY_LATENCY = 1_000.0
_BOUNDS = GateBounds(
    min_unseen_top_100_accuracy=0.01,
    min_top_100_accuracy=0.01,
    max_drop_from_baseline=0.5,
    min_gain_over_popularity=0.0,
    min_coverage_at_100=0.01,
    max_repeated_top_10_share=0.99,
    max_share_in_train=0.0,
)

Answer = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Served:
    """A model that was trained and exported.

    Attributes:
        artifact: Its artifact.
        folder: Its SavedModel.
    """

    artifact: Any

    @property
    def folder(self) -> str:
        return f"{self.artifact.uri}/Format-Serving"


@pytest.fixture(scope="module")
def ivf(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """An index of lists, more of which may be read than in a large catalogue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "_MOST_PROBES", 1.0)
        model, _ = run_trainer(
            artifacts.training_inputs(),
            tmp_path_factory.mktemp("ivf"),
            HYPERPARAMETERS,
            IndexOptions("ivf", 0.97),
        )
    return Served(model)


@pytest.fixture(scope="module")
def without_events(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A model that knows nobody's events; with ScaNN, where it can be loaded."""
    model, _ = run_trainer(
        artifacts.training_inputs(),
        tmp_path_factory.mktemp("without_events"),
        HYPERPARAMETERS,
        IndexOptions("scann" if _HAS_SCANN else "brute_force", 0.9),
        seen_table=False,
    )
    return Served(model)


@pytest.fixture(scope="module")
def reasons_without_events(
    without_events: Served, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the IndexValidator says of it."""
    return _reasons(without_events, tmp_path_factory.mktemp("reasons"))


def _reasons(model: Served, folder: Path) -> dict[str, str]:
    """Sentences of the IndexValidator, which has to bless."""
    blessing = run_index_validator(model.artifact, folder, _ANY_LATENCY)
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    assert all(reason["passed"] for reason in reasons), reasons
    return {reason["check"]: reason["sentence"] for reason in reasons}


def _evaluated(model: Served, artifacts: Artifacts, folder: Path) -> dict[str, float]:
    """Metrics by the Evaluator, whose gate has to bless."""
    evaluation, blessing = run_evaluator(artifacts, folder, model.artifact, _BOUNDS)
    assert "rows_served_differently" not in failed_checks(blessing)
    metrics: dict[str, float] = json.loads(evaluation.get_string_custom_property("metrics"))
    return metrics


def test_an_index_of_lists_is_served_by_tensorflow_alone(ivf: Served, tmp_path: Path) -> None:
    index = Manifest.read(ivf.folder).index
    assert (index["kind"], index["asked"], index["min_recall"]) == ("ivf", "ivf", 0.97)
    assert index["recall_at_100"] >= 0.97
    assert f"{index['probes']} of {index['lists']} lists" in index["reason"]
    assert json.loads(ivf.artifact.get_string_custom_property("index"))["kind"] == "ivf"
    reasons = _reasons(ivf, tmp_path)
    assert reasons["loads"] == "it loads with TensorFlow alone"
    assert reasons["index_recall"].startswith("ivf has ")
    assert reasons["index_latency"].startswith("ivf takes ")


def test_ranks_are_those_of_exact_lists(ivf: Served, artifacts: Artifacts, tmp_path: Path) -> None:
    metrics = _evaluated(ivf, artifacts, tmp_path)
    assert metrics["rows_served_differently"] == 0
    assert 0.9 < metrics["index_recall_at_100"] < 1


def test_a_model_without_events_of_its_queries(
    without_events: Served,
    reasons_without_events: dict[str, str],
    artifacts: Artifacts,
    tmp_path: Path,
) -> None:
    manifest = Manifest.read(without_events.folder)
    assert not manifest.seen_table
    metrics = _evaluated(without_events, artifacts, tmp_path)
    assert metrics["rows_served_differently"] == 0
    model = tf.saved_model.load(without_events.folder)
    users = [b"1", b"a query that nobody knows"]
    history = ask(model.signatures["query_history"], {"user_id": users})
    assert history["count"].tolist() == [0, 0]
    answer = ask(model.signatures["recommend"], {"user_id": users})
    assert np.array_equal(*answer["movie_id"])
    # Callers send the events, and they are left out.
    listed = answer["movie_id"][0, :3].tolist()
    by_events = ask(model.signatures["recommend_from_history"], {"events": [listed]})
    assert not np.isin(listed, by_events["movie_id"]).any()
    assert "100 requests" in reasons_without_events["index_recall"]


@pytest.mark.skipif(not _HAS_SCANN, reason="the extra scann is not installed on this stack")
def test_scann_in_a_process_of_its_own(
    without_events: Served, reasons_without_events: dict[str, str]
) -> None:
    index = Manifest.read(without_events.folder).index
    assert (index["kind"], index["asked"]) == ("scann", "scann")
    assert "leaves have a recall of" in index["reason"]
    loads = reasons_without_events["loads"]
    assert loads == "it loads with TensorFlow and ScaNN's operations"
    assert reasons_without_events["index_recall"].startswith("scann has ")


def test_scann_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scann_ops, "_MODULE", "scann_that_is_not_there")
    with pytest.raises(
        IndexUnavailableError, match="needs ScaNN, which cannot be loaded here"
    ) as caught:
        scann_ops.load_ops()
    assert "\n" not in str(caught.value)


def _recommending(
    model: Served, folder: Path, change: Callable[[Answer, tf.Tensor], Answer]
) -> str:
    """A copy of a model whose lists are changed, given whether they are to be exact."""
    module = tf.Module()
    module.good = tf.saved_model.load(model.folder)
    signatures = dict(module.good.signatures.items())
    good = signatures["recommend"]
    _, specifications = good.structured_input_signature

    @tf.function(autograph=False)
    def recommend(**inputs: tf.Tensor) -> Answer:
        return change(good(**inputs), inputs["exact"][0])

    signatures["recommend"] = recommend.get_concrete_function(
        **{
            name: tf.TensorSpec(given.shape, given.dtype, name=name)
            for name, given in specifications.items()
        }
    )
    tf.saved_model.save(module, str(folder), signatures)
    shutil.copytree(Path(model.folder) / "assets.extra", folder / "assets.extra")
    manifest = Manifest.read(model.folder)
    dataclasses.replace(manifest, files=checksums(str(folder))).write(str(folder))
    return str(folder)


def _sentence(folder: str, check: str) -> str:
    """Why a model fails a check."""
    with pytest.raises(CheckFailedError) as caught:
        CHECKS[check](LoadedModel(folder, Bounds(0.9, 2.0)))
    return str(caught.value)


def test_lists_that_have_not_enough_of_the_exact_ones(ivf: Served, tmp_path: Path) -> None:
    def a_fifth_is_another(answer: Answer, is_exact: tf.Tensor) -> Answer:
        others = tf.where(tf.range(tf.shape(answer["movie_id"])[1]) % 5 == 0, "x", "")
        ids = answer["movie_id"] + tf.where(is_exact, "", others)
        return {**answer, "movie_id": ids}

    folder = _recommending(ivf, tmp_path / "model", a_fifth_is_another)
    assert "below 0.900" in _sentence(folder, "index_recall")


def test_brute_force_that_leaves_out_one(artifacts: Artifacts, tmp_path: Path) -> None:
    """A claim to rank all candidates is held to all of them."""

    def the_last_is_another(answer: Answer, is_exact: tf.Tensor) -> Answer:
        is_last = tf.range(tf.shape(answer["movie_id"])[1]) == 99
        ids = answer["movie_id"] + tf.where(is_last & ~is_exact, "x", "")
        return {**answer, "movie_id": ids}

    folder = _recommending(Served(artifacts.model), tmp_path / "model", the_last_is_another)
    assert "below 1.000" in _sentence(folder, "index_recall")


def test_lists_that_are_shorter_than_exact_ones(ivf: Served, tmp_path: Path) -> None:
    def one_less(answer: Answer, is_exact: tf.Tensor) -> Answer:
        return {**answer, "count": answer["count"] - tf.cast(~is_exact, tf.int32)}

    folder = _recommending(ivf, tmp_path / "model", one_less)
    assert "not as long" in _sentence(folder, "index_recall")


def test_lists_that_take_longer_than_exact_ones(ivf: Served, tmp_path: Path) -> None:
    def slow(answer: Answer, is_exact: tf.Tensor) -> Answer:
        def work() -> tf.Tensor:
            # At random and not quite nothing, or it would be left out of the graph.
            matrix = tf.random.uniform([1_500, 1_500])
            return tf.reduce_sum(tf.linalg.matmul(matrix, matrix)) * 1e-30

        later = tf.cond(is_exact, lambda: 0.0, work)
        return {**answer, "score": answer["score"] + later}

    folder = _recommending(ivf, tmp_path / "model", slow)
    assert "above 2.00" in _sentence(folder, "index_latency")
