"""The SavedModel in a fresh process that knows nothing but TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.examples import parquet
from tests.components.steps import Artifacts

_SERVE = """
import json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
serve = model.signatures["serving_default"]
lists = serve(user_id=tf.constant(json.loads(sys.argv[2])))
print(json.dumps({
    "inputs": {
        k: [str(v.dtype), v.shape.as_list()]
        for k, v in serve.structured_input_signature[1].items()
    },
    "title": [[t.decode() for t in row] for row in lists["movie_title"].numpy().tolist()],
    "id": [[t.decode() for t in row] for row in lists["movie_id"].numpy().tolist()],
    "score": [[str(s) for s in row] for row in lists["score"].numpy().tolist()],
    "query": model.scorer.query_vectors.numpy().tolist(),
    "candidate": model.scorer.candidate_vectors.numpy().tolist(),
    "titles": [t.decode() for t in model.titles.numpy()],
}))
"""


@pytest.fixture(scope="module")
def served(artifacts: Artifacts) -> dict[str, object]:
    path = f"{artifacts.model.uri}/Format-Serving"
    users = json.dumps(["1", "2", "nobody"])
    result = subprocess.run(
        [sys.executable, "-c", _SERVE, path, users], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    answer: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return answer


def _train_titles(artifacts: Artifacts, user: str) -> set[str]:
    titles = set()
    for batch in parquet.read_split(artifacts.examples.uri, "train", ["user_id", "movie_title"]):
        for who, title in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if who[0].decode() == user:
                titles.add(title[0].decode())
    return titles


def test_signature(served: dict[str, object]) -> None:
    assert served["inputs"] == {"user_id": ["<dtype: 'string'>", [None]]}


def test_lists_are_the_best_unseen_of_a_dot_product(
    served: dict[str, object], artifacts: Artifacts
) -> None:
    vocabulary = f"{artifacts.transform_graph.uri}/transform_fn/assets/queries"
    users = Path(vocabulary).read_text().split()
    candidates = np.array(served["candidate"])
    for row, user in enumerate(["1", "2"]):
        scores = candidates @ np.array(served["query"])[users.index(user)]
        seen = _train_titles(artifacts, user)
        titles = np.array(served["titles"])
        order = [i for i in np.argsort(-scores, kind="stable") if titles[i] not in seen]
        length = len(served["title"][row])  # type: ignore[index]
        order = order[:length]
        assert length == min(100, len(titles))
        expected = [*titles[order], *[""] * (length - len(order))]
        assert served["title"][row] == expected  # type: ignore[index]
        listed = [float(s) for s in served["score"][row][: len(order)]]  # type: ignore[index]
        np.testing.assert_allclose(listed, scores[order], rtol=1e-4, atol=1e-5)
        rest = served["score"][row][len(order) :]  # type: ignore[index]
        assert all(score == "-inf" for score in rest)


def test_unknown_user_gets_the_popular(served: dict[str, object], artifacts: Artifacts) -> None:
    counts: dict[str, int] = {}
    for batch in parquet.read_split(artifacts.examples.uri, "train", ["movie_title"]):
        for title in batch.column(0).to_pylist():
            counts[title[0].decode()] = counts.get(title[0].decode(), 0) + 1
    listed = [counts.get(title, 0) for title in served["title"][2]]  # type: ignore[index]
    assert listed == sorted(listed, reverse=True)
    assert listed[0] == max(counts.values())
