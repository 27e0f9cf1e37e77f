"""The JSON of TensorFlow Serving's predict call, both ways.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import numpy as np

from components.serving.interface import SERVING_SIGNATURE
from pipeline.server.model import RequestError, ServedModel

# Requests at once: a bound on the memory that one call takes.
MOST_AT_ONCE = 1024
# TensorFlow ends the process where a list is nested some hundred times.
_MOST_DIMENSIONS = 8
_BASE64 = "b64"
_KEYS = ("signature_name", "instances", "inputs")


def predict(model: ServedModel, body: Any) -> dict[str, Any]:
    """Answers a predict call.

    Args:
        model: Who answers.
        body: The call's JSON: `inputs` by name, or `instances` with one entry per request; and
            `signature_name`, if it is not the default one.

    Returns:
        `outputs` or `predictions`, in the form of the question.

    Raises:
        RequestError: The call cannot be answered.
    """
    if not isinstance(body, dict):
        raise RequestError("the body has to be a JSON object.")
    unknown = sorted(body.keys() - set(_KEYS))
    if unknown:
        raise RequestError(f"the body has the key {unknown[0]!r}: there are {', '.join(_KEYS)}.")
    signature = body.get("signature_name", SERVING_SIGNATURE)
    if not isinstance(signature, str):
        raise RequestError("signature_name has to be a string.")
    if ("instances" in body) == ("inputs" in body):
        raise RequestError("the body needs either 'inputs' or 'instances'.")
    names = list(model.definition(signature).inputs)
    by_row = "instances" in body
    inputs = _from_rows(body["instances"], names) if by_row else _columns(body["inputs"], names)
    for name, values in inputs.items():
        if isinstance(values, list) and len(values) > MOST_AT_ONCE:
            raise RequestError(
                f"the input {name!r} has {len(values)} requests; {MOST_AT_ONCE} may come at once."
            )
    decoded = {name: _decoded(name, values) for name, values in inputs.items()}
    answer = model.predict(signature, decoded)
    outputs = {name: to_json(values) for name, values in answer.items()}
    if not by_row:
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    if len(outputs) == 1:
        return {"predictions": next(iter(outputs.values()))}
    rows = zip(*outputs.values(), strict=True)
    return {"predictions": [dict(zip(outputs, row, strict=True)) for row in rows]}


def to_json(values: np.ndarray) -> Any:
    """Nested lists of an array; text that is not UTF-8 as TensorFlow Serving has it."""
    return _text(values.tolist())


def _from_rows(instances: Any, names: list[str]) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise RequestError("'instances' has to be a list with one entry per request.")
    rows = []
    for place, instance in enumerate(instances):
        is_named = isinstance(instance, dict) and _BASE64 not in instance
        if not is_named and len(names) != 1:
            raise RequestError(f"instance {place} has to name its inputs: {', '.join(names)}.")
        rows.append(instance if is_named else {names[0]: instance})
        if rows[-1].keys() != rows[0].keys():
            raise RequestError(f"instance {place} has other inputs than instance 0.")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _columns(inputs: Any, names: list[str]) -> dict[str, Any]:
    if isinstance(inputs, dict) and _BASE64 not in inputs:
        return inputs
    if len(names) != 1:
        raise RequestError(f"'inputs' has to be an object with {', '.join(names) or 'nothing'}.")
    return {names[0]: inputs}


def _decoded(name: str, value: Any, levels: int = _MOST_DIMENSIONS) -> Any:
    if isinstance(value, list):
        if not levels:
            raise RequestError(f"the input {name!r} has more than {_MOST_DIMENSIONS} dimensions.")
        return [_decoded(name, inner, levels - 1) for inner in value]
    if isinstance(value, dict):
        if value.keys() == {_BASE64}:
            with contextlib.suppress(TypeError, ValueError):
                return base64.b64decode(value[_BASE64], validate=True)
        raise RequestError(f"the input {name!r} has an object that is not {{'{_BASE64}': base64}}.")
    return value


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(inner) for inner in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {_BASE64: base64.b64encode(value).decode()}
    return value
