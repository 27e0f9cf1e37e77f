"""The server in a process of its own, asked over HTTP."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.serving.asking import ask
from pipeline.paths import OutputPaths
from tests.pipeline.command_line import RUNNER, finish, start
from tests.server.running import Client

pytestmark = pytest.mark.slow

_USERS = ["42", "7", "nobody"]


def _nested(levels: int) -> Any:
    return [_nested(levels - 1)] if levels else "1"


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
        (b'{"inputs": ["\xff"]}', "the body is not JSON"),
        ("[" * 500_000, "the body is not JSON"),
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
        ({"inputs": {"user_id": [["1"], _nested(300)]}}, "'user_id' has more than 8 dimensions"),
        ({"instances": [_nested(300)]}, "'user_id' has more than 8 dimensions"),
        ({"inputs": [{"b64": "*"}]}, "'user_id' has an object that is not {'b64': base64}"),
        ({"inputs": {"user_id": [{"b64": [[["1"]]]}]}}, "is not {'b64': base64}"),
        ({"inputs": {"user_id": [{"else": "1"}]}}, "is not {'b64': base64}"),
        ({"inputs": [{"b64": "é"}]}, "is not {'b64': base64}"),
        ({"inputs": ["1"] * 1025}, "has 1025 requests; 1024 may come at once"),
        (
            {"signature_name": "recommend", "inputs": {"user_id": ["1"], "k": [9999]}},
            "the number of candidates, but is 9999",
        ),
        (
            {"signature_name": "recommend", "inputs": {"user_id": ["1"] * 3, "k": [1, 2]}},
            "'user_id' and 'k' are for different numbers of requests: 3 and 2.",
        ),
        (
            {
                "signature_name": "recommend_from_history",
                "inputs": {"events": [["1", "2", "3"]], "event_times": [[1, 2]]},
            },
            "ncompatible shapes: [1,2] vs. [1,3]",
        ),
    ],
)
def test_a_bad_request_is_one_sentence(client: Client, body: Any, sentence: str) -> None:
    response = client.predict(body)
    assert response.status_code == 400
    assert sentence in response.json()["error"]
    assert len(response.json()["error"].splitlines()) == 1


def test_what_is_nowhere_or_too_long(client: Client) -> None:
    for path, status, sentence in (
        ("/v1/models/retrieval/versions/12:predict", 404, "version 12 is not served"),
        (f"/v1/models/retrieval/versions/{'9' * 5000}:predict", 404, "is not served"),
        ("/v1/models/other:predict", 404, "POST /v1/models/other:predict: Not Found"),
        ("/healthz", 405, "POST /healthz: Method Not Allowed"),
    ):
        response = client.predict({"inputs": ["1"]}, path)
        assert response.status_code == status
        assert sentence in response.json()["error"]
    assert client.get("/v1/models/retrieval/versions/12").status_code == 404
    assert client.get("/v1/models/retrieval/versions/12/metadata").status_code == 404
    response = client.predict({"inputs": ["1" * 2_000_000]})
    assert response.status_code == 413
    assert "longer than 1048576 bytes" in response.json()["error"]
    path = "/v1/models/retrieval/versions/1700000001:predict"
    assert client.predict({"inputs": ["1"]}, path).status_code == 200


def test_the_health(client: Client) -> None:
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
    by_id = client.get("/api/recommendations", movie=["5", "9"], k=3).json()
    assert by_id == by_movies
    unknown = client.get("/api/recommendations", movie=[titles["5"], titles["9"][:-8]])
    assert unknown.status_code == 400
    assert f'did you mean "{titles["9"]}"' in unknown.json()["error"]
    nobody = client.get("/api/recommendations", user="nobody").json()
    assert nobody["history"] == []
    assert {row["because"] for row in nobody["recommendations"]} == {""}
    for query in (
        {},
        {"user": "1", "movie": "2"},
        {"user": "1", "k": "0"},
        {"user": "1", "k": "x"},
        {"user": "1", "k": "²"},
        {"user": "1", "k": "9" * 5000},
    ):
        assert client.get("/api/recommendations", **query).status_code == 400
    matches = client.get("/api/movies", q=titles["5"][:6].upper()).json()["movies"]
    assert titles["5"] in [movie["title"] for movie in matches]
    assert all(movie["labels"] for movie in matches)
    assert "<title>Recommendations</title>" in client.get("/").text


def test_nothing_to_serve_and_a_port_that_is_taken(client: Client, pushed: OutputPaths) -> None:
    port = client.address.rpartition(":")[2]
    broken = OutputPaths.of(pushed.output.parent / "broken")
    shutil.copytree(pushed.serving, broken.serving)
    (broken.serving / "1700000002").mkdir()
    (broken.serving / "1700000002" / "saved_model.pb").write_bytes(b"no graph")
    empty = OutputPaths.of(pushed.output.parent / "empty")
    (empty.serving / ".1700000002.incomplete").mkdir(parents=True)
    command = [sys.executable, str(RUNNER), "serve"]
    for arguments, sentence in (
        (["--output", str(pushed.output / "none")], "no model was pushed to"),
        (["--output", str(empty.output)], "no model was pushed to"),
        (["--output", str(broken.output)], "version 1700000002 cannot be served"),
        (["--output", str(pushed.output), "--port", port], f"cannot listen at 127.0.0.1:{port}"),
    ):
        finished = finish(start([*command, *arguments]))
        assert finished.code == 1
        assert sentence in finished.err
        assert len(finished.err.splitlines()) == 1
