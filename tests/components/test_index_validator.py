"""The IndexValidator: a model for each check that fails it, and no other."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import standard_artifacts

from components.index_validator import checks
from components.index_validator.loaded_model import Bounds, CheckFailedError, LoadedModel
from components.serving import warm_up
from components.serving.manifest import Manifest, checksums
from tests.components.steps import Artifacts, new_artifact, run_index_validator

Answer = dict[str, tf.Tensor]


@pytest.fixture(scope="module")
def good(artifacts: Artifacts) -> str:
    """Folder of a good SavedModel."""
    return f"{artifacts.model.uri}/Format-Serving"


def _failed(folder: str) -> dict[str, str]:
    """Sentences of the checks that fail in this process, which has loaded more than TensorFlow."""
    model = LoadedModel(folder, Bounds())
    found = {}
    for name, check in checks.CHECKS.items():
        try:
            check(model)
        except (CheckFailedError, tf.errors.OpError, KeyError) as error:
            found[name] = str(error)
    return found


def _with(
    good: str, folder: Path, changed: Mapping[str, Callable[[Answer, Mapping[str, Any]], Answer]]
) -> str:
    """A copy of a model that changes answers of signatures, with a manifest that fits."""
    module = tf.Module()
    module.good = tf.saved_model.load(good)
    signatures = dict(module.good.signatures.items())
    for name, change in changed.items():
        signatures[name] = _changed(signatures[name], change)
    tf.saved_model.save(module, str(folder), signatures)
    shutil.copytree(Path(good) / "assets.extra", folder / "assets.extra")
    manifest = dataclasses.replace(Manifest.read(good), files=checksums(str(folder)))
    manifest.write(str(folder))
    return str(folder)


def _changed(signature: Any, change: Callable[[Answer, Mapping[str, Any]], Answer]) -> Any:
    _, specifications = signature.structured_input_signature

    @tf.function(autograph=False)
    def changed(**inputs: tf.Tensor) -> Answer:
        return change(signature(**inputs), inputs)

    return changed.get_concrete_function(
        **{
            name: tf.TensorSpec(given.shape, given.dtype, name=name)
            for name, given in specifications.items()
        }
    )


def test_a_good_model_is_blessed_by_a_process_with_tensorflow_alone(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    blessing = run_index_validator(artifacts.model, tmp_path)
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    assert [reason["check"] for reason in reasons] == [checks.LOADS, *checks.CHECKS]
    assert all(reason["passed"] for reason in reasons), reasons
    assert blessing.get_int_custom_property("blessed") == 1
    assert (tmp_path / "infra_blessing" / "INFRA_BLESSED").exists()


def test_a_model_that_ends_its_process_is_not_blessed(good: str, tmp_path: Path) -> None:
    model = new_artifact(standard_artifacts.Model, tmp_path / "model")
    shutil.copytree(good, tmp_path / "model" / "Format-Serving")
    manifest = tmp_path / "model" / "Format-Serving" / "assets.extra" / "manifest.json"
    values = json.loads(manifest.read_text())
    # A number where text belongs is none of the errors that the checks foresee.
    manifest.write_text(json.dumps({**values, "query_id": 7}))
    blessing = run_index_validator(model, tmp_path)
    [reason] = json.loads(blessing.get_string_custom_property("reasons"))
    assert not reason["passed"]
    assert "the process ended with code 1" in reason["sentence"]
    assert blessing.get_int_custom_property("blessed") == 0
    assert (tmp_path / "infra_blessing" / "INFRA_NOT_BLESSED").exists()


def _broken_graph(folder: Path) -> str:
    (folder / "saved_model.pb").write_bytes(b"no graph")
    return "Cannot parse file"


def _no_variables(folder: Path) -> str:
    shutil.rmtree(folder / "variables")
    return "Failed to find any matching files"


def _no_manifest(folder: Path) -> str:
    (folder / "assets.extra" / "manifest.json").unlink()
    return "manifest.json does not exist"


def _later_manifest(folder: Path) -> str:
    path = folder / "assets.extra" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2}))
    return "has schema version 2, not 1"


@pytest.mark.parametrize("spoil", [_broken_graph, _no_variables, _no_manifest, _later_manifest])
def test_what_cannot_be_loaded(good: str, tmp_path: Path, spoil: Callable[[Path], str]) -> None:
    shutil.copytree(good, tmp_path / "model")
    sentence = spoil(tmp_path / "model")
    [result] = checks.run(str(tmp_path / "model"), Bounds())
    assert (result.check, result.passed) == (checks.LOADS, False)
    assert sentence in result.sentence


def test_a_model_that_needs_more_than_tensorflow(good: str) -> None:
    """This process has loaded Transform, as a model with its ops would."""
    [result] = checks.run(good, Bounds())
    assert not result.passed
    assert "tensorflow_transform" in result.sentence


def test_a_signature_is_missing(good: str, tmp_path: Path) -> None:
    folder = _with(good, tmp_path / "model", {})
    model = LoadedModel(folder, Bounds())
    values = model.manifest.signatures
    expected = {**values, "recommend": {**values["recommend"], "inputs": ["user_id"]}}
    dataclasses.replace(model.manifest, signatures=expected).write(folder)
    failed = _failed(folder)
    assert failed.keys() == {"signatures"}
    assert "signature recommend has" in failed["signatures"]


def test_a_file_is_not_that_of_the_export(good: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(good, folder)
    with (folder / warm_up.FILE).open("ab") as stream:
        stream.write(b"\0")
    failed = _failed(str(folder))
    assert failed.keys() == {"manifest"}
    assert f"{warm_up.FILE} is not the file" in failed["manifest"]


@pytest.mark.parametrize(
    ("field", "sentence"),
    [("catalogue_size", "the index has "), ("interface_version", "its interface version is 2")],
)
def test_a_manifest_of_another_model(good: str, tmp_path: Path, field: str, sentence: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(good, folder)
    manifest = Manifest.read(good)
    dataclasses.replace(manifest, **{field: getattr(manifest, field) - 1}).write(str(folder))
    assert sentence in _failed(str(folder))["manifest"]


def _score(change: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[Answer, Any], Answer]:
    return lambda answer, _: {**answer, "score": change(answer["score"])}


def _second_first(answer: Answer, _: Any) -> Answer:
    return {
        name: values if name == "count" else tf.reverse(values, axis=[1])
        for name, values in answer.items()
    }


def _only_ten(answer: Answer, _: Any) -> Answer:
    return {
        name: tf.minimum(values, 10) if name == "count" else values[:, :10]
        for name, values in answer.items()
    }


def _row_by_row(answer: Answer, _: Any) -> Answer:
    """Each row has the list of the one before it."""
    return {name: tf.roll(values, 1, axis=0) for name, values in answer.items()}


def _only_text(answer: Answer, inputs: Mapping[str, Any]) -> Answer:
    ids = inputs["user_id"]
    decoded = tf.strings.unicode_transcode(ids, "UTF-8", "UTF-8", errors="replace")
    is_text = tf.debugging.Assert(tf.reduce_all(decoded == ids), ["Invalid text"])
    with tf.control_dependencies([is_text]):
        return {name: tf.identity(values) for name, values in answer.items()}


@pytest.mark.parametrize(
    ("changed", "check", "sentence"),
    [
        ({"recommend": _score(lambda score: score * 1.0001)}, "golden_queries", "otherwise"),
        ({"similar_items": _score(lambda score: score - 0.1)}, "golden_queries", "similar_items"),
        ({"serving_default": _score(lambda score: score * np.nan)}, "unknown_query", "finite"),
        ({"serving_default": _score(lambda score: -score)}, "unknown_query", "in order"),
        ({"serving_default": _only_ten}, "unknown_query", "not 100"),
        ({"recommend_from_history": _second_first}, "empty_history", "in order"),
        ({"recommend_from_history": _only_ten}, "empty_history", "not 100"),
        ({"recommend": _only_ten}, "smallest_and_largest_k", "not 1"),
        ({"serving_default": _row_by_row}, "many_at_once", "than alone"),
        ({"serving_default": _only_text}, "ids_that_are_no_text", "Invalid"),
    ],
)
def test_each_check_fails_a_model(
    good: str,
    tmp_path: Path,
    changed: Mapping[str, Callable[[Answer, Any], Answer]],
    check: str,
    sentence: str,
) -> None:
    failed = _failed(_with(good, tmp_path / "model", changed))
    assert check in failed
    assert sentence in failed[check]


def test_no_golden_query(good: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(good, folder)
    (folder / "assets.extra" / "golden_queries.json").write_text("[]")
    manifest = dataclasses.replace(Manifest.read(good), files=checksums(str(folder)))
    manifest.write(str(folder))
    assert _failed(str(folder)) == {"golden_queries": "there is no golden query"}


def test_warm_up_requests_can_be_played(good: str) -> None:
    """As TensorFlow Serving would, by the protos in the file."""
    model = tf.saved_model.load(good)
    asked = set()
    for record in tf.data.TFRecordDataset(f"{good}/{warm_up.FILE}"):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        name = request.model_spec.signature_name
        specifications = model.signatures[name].structured_input_signature[1]
        for given, values in request.inputs.items():
            array = tf.make_ndarray(values)
            assert tf.as_dtype(values.dtype) == specifications[given].dtype
            assert len(array.shape) == specifications[given].shape.rank
        assert request.model_spec.name == "retrieval"
        asked.add(name)
    assert {"serving_default", "recommend", "recommend_from_history"} <= asked


def test_the_manifest_says_what_the_model_is(good: str, artifacts: Artifacts) -> None:
    manifest = Manifest.read(good)
    assert manifest.preset == "test"
    assert manifest.catalogue_size == artifacts.model.get_int_custom_property("candidates")
    accuracy = artifacts.model.get_string_custom_property("valid_unseen_top_100_accuracy")
    assert manifest.metrics["valid_unseen_top_100_accuracy"] == pytest.approx(
        float(accuracy), abs=1e-6
    )
    assert manifest.versions["tensorflow"] == tf.__version__
    assert {"saved_model.pb", "assets.extra/golden_queries.json", warm_up.FILE} <= (
        manifest.files.keys()
    )
