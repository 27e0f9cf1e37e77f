"""Whatever comes as a predict call is answered, or refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.server.model import RequestError, ServedModel
from pipeline.server.predict_api import predict
from tests.components.steps import Artifacts

_SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats()),
    *(st.text(st.characters(), max_size=5), st.sampled_from(("b64", "serving_default"))),
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.just("b64") | st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)
_BODIES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("signature_name", "inputs", "instances", "else"), _ANYTHING)
)
# Values that fit, so that the model itself is reached.
_FITTING = {
    tf.string: st.sampled_from(("1", "42", "", "nobody")) | st.text(max_size=3),
    tf.bool: st.booleans(),
    tf.int32: st.integers(-1, 9) | st.integers(),
    tf.int64: st.integers(-1, 9) | st.integers(),
}


@pytest.fixture(scope="module")
def served(artifacts: Artifacts) -> ServedModel:
    return ServedModel(Path(artifacts.model.uri, "Format-Serving"), 1)


def _is_answered_or_refused(served: ServedModel, body: Any) -> None:
    answer: dict[str, Any] = {}
    refusal: list[str] = []
    try:
        answer = predict(served, body)
    except RequestError as error:
        refusal = str(error).splitlines()
    assert len(refusal) + len(answer) == 1
    assert "Graph execution error" not in "".join(refusal)
    assert answer.keys() <= {"outputs", "predictions"}
    json.dumps(answer)


@settings(max_examples=200, deadline=None)
@given(body=_BODIES | _ANYTHING)
def test_any_body(served: ServedModel, body: Any) -> None:
    _is_answered_or_refused(served, body)


def test_an_example_that_is_none(served: ServedModel) -> None:
    # The message that TensorFlow has for it ends at the zero and names no place in the graph.
    body = {"signature_name": "evaluation", "inputs": {"examples": ["\0"]}}
    with pytest.raises(RequestError, match=r"^Could not parse example input"):
        predict(served, body)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_inputs_that_nearly_fit(served: ServedModel, data: st.DataObject) -> None:
    signature = data.draw(st.sampled_from(sorted(served.definitions)))
    inputs = {}
    for name, info in served.definitions[signature].inputs.items():
        values: st.SearchStrategy[Any] = _FITTING[tf.as_dtype(info.dtype)]
        size = data.draw(st.integers(1, 2))
        for _ in info.tensor_shape.dim:
            values = st.lists(values, min_size=size, max_size=size)
        if data.draw(st.integers(0, 9)):
            inputs[name] = data.draw(values | _ANYTHING if size == 1 else values)
    _is_answered_or_refused(served, {"signature_name": signature, "inputs": inputs})
