"""The server in a process of its own, asked over HTTP."""

from __future__ import annotations

import base64
import collections
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.serving.asking import ask
from components.serving.interface import DEFAULTS
from pipeline.paths import OutputPaths
from tests.components.steps import Artifacts
from tests.pipeline.command_line import RUNNER, finish, start
from tests.server.running import Client, running

pytestmark = pytest.mark.slow

_USERS = ["42", "7", "nobody"]
_OTHERS = ("exclude", "exclude_seen", "request_time")


@pytest.fixture(scope="module")
def model(artifacts: Artifacts) -> Any:
    return tf.saved_model.load(f"{artifacts.model.uri}/Format-Serving")


@pytest.fixture(scope="module")
def client(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    paths = OutputPaths.of(tmp_path_factory.mktemp("served"))
    shutil.copytree(f"{artifacts.model.uri}/Format-Serving", paths.serving / "1700000001")
    with running(paths) as client:
        yield client


def _assert_equal(found: dict[str, Any], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        if values.dtype == object:
            assert found[name] == [[text.decode() for text in row] for row in values.tolist()]
        else:
            np.testing.assert_allclose(found[name], values, rtol=1e-5)


def test_columns_give_what_the_model_gives(client: Client, model: Any) -> None:
    response = client.predict({"inputs": {"user_id": _USERS}})
    assert response.status_code == 200
    assert response.headers["Model-Version"] == "1700000001"
    expected = ask(model.signatures["serving_default"], {"user_id": _USERS})
    _assert_equal(response.json()["outputs"], expected)
    # The only input need not be named.
    assert client.predict({"inputs": _USERS}).json() == response.json()


def test_rows_give_what_columns_give(client: Client) -> None:
    columns = client.predict({"inputs": {"user_id": _USERS}}).json()["outputs"]
    for instances in (_USERS, [{"user_id": user} for user in _USERS]):
        rows = client.predict({"instances": instances}).json()["predictions"]
        assert [{name: columns[name][row] for name in columns} for row in range(3)] == rows


def test_what_is_asked_for_reaches_the_model(client: Client, model: Any) -> None:
    inputs: dict[str, list[Any]] = {
        "user_id": _USERS,
        "k": [3, 2, 5],
        "exclude": [["1"], [""], ["2"]],
        "exclude_seen": [False, True, True],
        "request_time": [890000000, -1, 0],
    }
    body = {"signature_name": "recommend", "inputs": inputs}
    expected = ask(model.signatures["recommend"], inputs)
    _assert_equal(client.predict(body).json()["outputs"], expected)
    assert expected["count"].tolist() == [3, 2, 5]
    rows = [{name: values[row] for name, values in inputs.items()} for row in range(3)]
    found = client.predict({"signature_name": "recommend", "instances": rows}).json()
    assert [row["count"] for row in found["predictions"]] == [3, 2, 5]


def test_a_signature_with_one_output_is_not_named(client: Client, model: Any) -> None:
    inputs = {"user_id": _USERS, "request_time": [890000000]}
    expected = ask(model.signatures["query_embedding"], inputs)["embedding"]
    body = {"signature_name": "query_embedding", "inputs": inputs}
    np.testing.assert_allclose(client.predict(body).json()["outputs"], expected, rtol=1e-5)


def test_ids_that_are_no_text_come_as_base64(client: Client) -> None:
    number = base64.b64encode(b"\xff\xfe").decode()
    for instances in ([{"b64": number}], [{"user_id": {"b64": number}}]):
        response = client.predict({"instances": instances})
        assert response.json()["predictions"][0]["count"] == 100
    known = base64.b64encode(b"42").decode()
    assert (
        client.predict({"instances": [{"b64": known}]}).json()
        == client.predict({"instances": ["42"]}).json()
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "the body is not JSON"),
        ([1], "has to be a JSON object"),
        ({}, "needs either 'inputs' or 'instances'"),
        ({"inputs": ["1"], "instances": ["1"]}, "needs either 'inputs' or 'instances'"),
        ({"instances": ["1"], "signature": "recommend"}, "has the key 'signature'"),
        ({"instances": []}, "a list with one entry per request"),
        ({"instances": ["1"], "signature_name": "nothing"}, "no signature 'nothing': there are"),
        ({"instances": ["1"], "signature_name": 7}, "signature_name has to be a string"),
        ({"instances": [{"k": 3}], "signature_name": "recommend"}, "needs the input 'user_id'"),
        ({"instances": ["1"], "signature_name": "recommend"}, "instance 0 has to name its inputs"),
        ({"instances": [{"user_id": "1"}, {"k": 3}]}, "instance 1 has other inputs"),
        ({"inputs": {"user": ["1"]}}, "has no input 'user': there are user_id"),
        ({"inputs": {"user_id": [1]}}, "'user_id' has to be string in lists"),
        ({"inputs": {"user_id": "1"}}, "has 0 dimensions instead of 1"),
        ({"inputs": {"user_id": [["1"], ["2", "3"]]}}, "in lists of equal length"),
        ({"inputs": [{"b64": "*"}]}, "'*' is not base64"),
        ({"inputs": ["1"] * 1025}, "has 1025 requests; 1024 may come at once"),
        (
            {"signature_name": "recommend", "inputs": {"user_id": ["1"], "k": [9999]}},
            "k has to be between 1 and",
        ),
        (
            {"signature_name": "recommend", "inputs": {"user_id": ["1"] * 3, "k": [1, 2]}},
            "ncompatible",
        ),
    ],
)
def test_a_bad_request_is_one_sentence(client: Client, body: Any, sentence: str) -> None:
    response = client.predict(body)
    assert response.status_code == 400
    assert sentence in response.json()["error"]
    assert len(response.json()["error"].splitlines()) == 1


def test_what_is_nowhere_or_too_long(client: Client) -> None:
    for path, status in (
        ("/v1/models/retrieval/versions/12:predict", 404),
        ("/v1/models/other:predict", 404),
        ("/healthz", 405),
    ):
        response = client.predict({"inputs": ["1"]}, path)
        assert response.status_code == status
        assert response.json()["error"]
    response = client.predict({"inputs": ["1" * 2_000_000]})
    assert response.status_code == 413
    assert "longer than 1048576 bytes" in response.json()["error"]
    path = "/v1/models/retrieval/versions/1700000001:predict"
    assert client.predict({"inputs": ["1"]}, path).status_code == 200


def test_status_and_metadata(client: Client) -> None:
    [version] = client.get("/v1/models/retrieval").json()["model_version_status"]
    assert (version["version"], version["state"]) == ("1700000001", "AVAILABLE")
    metadata = client.get("/v1/models/retrieval/metadata").json()
    assert metadata["model_spec"] == {"name": "retrieval", "version": "1700000001"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["user_id"]["dtype"] == "DT_STRING"
    assert client.get("/healthz").json() == {
        "status": "ok",
        "version": 1700000001,
        "problem": None,
    }


def test_the_page_is_answered_with_reasons(client: Client, model: Any, raw_folder: Path) -> None:
    lines = (raw_folder / "u.item").read_text("latin-1").splitlines()
    titles = {line.split("|")[0]: line.split("|")[1] for line in lines}
    by_user = client.get("/api/recommendations", user="42", k=5).json()
    known = ask(model.signatures["query_history"], {"user_id": ["42"]})
    history = [title.decode() for title in known["movie_title"][0]]
    assert by_user["history"] == history[::-1]
    assert [row["rank"] for row in by_user["recommendations"]] == [1, 2, 3, 4, 5]
    found = [row["title"] for row in by_user["recommendations"]]
    expected = ask(model.signatures["recommend"], {"user_id": ["42"], "k": [5]})
    assert found == [title.decode() for title in expected["movie_title"][0]]
    assert {row["because"] for row in by_user["recommendations"]} <= set(history)
    seen = [titles["5"], titles["9"]]
    by_movies = client.get("/api/recommendations", movie=seen, k=3).json()
    assert {row["because"] for row in by_movies["recommendations"]} <= set(seen)
    nobody = client.get("/api/recommendations", user="nobody").json()
    assert nobody["history"] == []
    assert {row["because"] for row in nobody["recommendations"]} == {""}
    for query in (
        {},
        {"user": "1", "movie": "2"},
        {"user": "1", "k": "0"},
        {"user": "1", "k": "x"},
    ):
        assert client.get("/api/recommendations", **query).status_code == 400
    matches = client.get("/api/movies", q=titles["5"][:6].upper()).json()["movies"]
    assert titles["5"] in [movie["title"] for movie in matches]
    assert all(movie["labels"] for movie in matches)
    assert "<title>Recommendations</title>" in client.get("/").text


def _publish(source: Path, paths: OutputPaths, version: int) -> None:
    """As the Pusher does."""
    unfinished = paths.serving / f".{version}.incomplete"
    shutil.copytree(source, unfinished)
    unfinished.rename(paths.serving / str(version))


def test_a_newer_version_takes_over_without_a_failed_or_mixed_answer(
    artifacts: Artifacts, pushed: OutputPaths, tmp_path: Path
) -> None:
    first = Path(f"{artifacts.model.uri}/Format-Serving")
    loaded = tf.saved_model.load(str(first))
    # Another model: its scores have the other sign.
    loaded.scorer.candidate_vectors.assign(-loaded.scorer.candidate_vectors)
    other = tmp_path / "other"
    tf.saved_model.save(loaded, str(other), dict(loaded.signatures.items()))
    # A model that is saved again has no defaults.
    inputs = {"user_id": ["42"], "k": [5], **{name: DEFAULTS[name] for name in _OTHERS}}
    body = {"signature_name": "recommend", "inputs": inputs}
    answers: list[tuple[int, str, str]] = []
    ended = threading.Event()
    with running(pushed) as client:

        def keep_asking() -> None:
            while not ended.is_set():
                response = client.predict(body)
                version = response.headers.get("Model-Version", "")
                answers.append((response.status_code, version, response.text))

        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        _publish(other, pushed, 1700000002)
        _wait(lambda: client.version() == 1700000002)
        time.sleep(0.5)
        # One that cannot be loaded is told, and the older one stays.
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"no graph")
        _publish(broken, pushed, 1700000003)
        _wait(lambda: client.get("/healthz").json()["status"] == "degraded")
        health = client.get("/healthz").json()
        assert health["version"] == 1700000002
        assert "version 1700000003 cannot be served" in health["problem"]
        shutil.rmtree(pushed.serving / "1700000003")
        _wait(lambda: client.get("/healthz").json()["status"] == "ok")
        ended.set()
        for thread in threads:
            thread.join()
    assert {status for status, _, _ in answers} == {200}
    by_version: dict[str, set[str]] = collections.defaultdict(set)
    for _, version, text in answers:
        by_version[version].add(json.dumps(json.loads(text)["outputs"]["movie_id"]))
    assert by_version.keys() == {"1700000001", "1700000002"}
    assert [len(lists) for lists in by_version.values()] == [1, 1]
    assert len(set.union(*by_version.values())) == 2


def _wait(condition: Any) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_nothing_to_serve_and_a_port_that_is_taken(client: Client, pushed: OutputPaths) -> None:
    port = client.address.rpartition(":")[2]
    command = [sys.executable, str(RUNNER), "serve"]
    for arguments, sentence in (
        (["--output", str(pushed.output / "none")], "no model was pushed to"),
        (["--output", str(pushed.output), "--port", port], f"cannot listen at 127.0.0.1:{port}"),
    ):
        finished = finish(start([*command, *arguments]))
        assert finished.code == 1
        assert sentence in finished.err
        assert len(finished.err.splitlines()) == 1
