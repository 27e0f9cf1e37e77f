"""Asks signatures in Python, where inputs that a server would fill in have to be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from components.serving.interface import DEFAULTS


def ask(signature: Any, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Outputs of a signature of a SavedModel that was loaded.

    Args:
        signature: One of the model's `signatures`.
        inputs: Arrays or nested lists by name. One that is left out gets its default, and a query
            feature is not told.
    """
    _, specifications = signature.structured_input_signature
    types = {name: specification.dtype for name, specification in specifications.items()}
    return _arrays(signature(**_tensors(types, inputs)))


def ask_unsaved(
    function: Callable[..., dict[str, tf.Tensor]], inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Outputs of a function that is to be saved as a signature.

    Args:
        function: One of `export.RetrievalServing.signatures` that has optional inputs.
        inputs: As in `ask`.
    """
    types = input_types(function)
    tensors = _tensors(types, inputs)
    first = tensors.pop(next(iter(types)))
    return _arrays(function(first, tensors))


def input_types(function: Any) -> dict[str, tf.DType]:
    """Type of each input of a function that is to be saved as a signature, by name."""
    return {given.name: given.dtype for given in tf.nest.flatten(function.input_signature)}


def _tensors(types: Mapping[str, tf.DType], inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    tensors = {}
    for name, dtype in types.items():
        missing = DEFAULTS.get(name, [""] if dtype == tf.string else [-1])
        tensors[name] = tf.constant(inputs.get(name, missing), dtype)
    return tensors


def _arrays(answer: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in answer.items()}
