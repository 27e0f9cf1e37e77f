"""Functions as signatures of a SavedModel, with defaults for what a caller may leave out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from components.serving.interface import (
    DEFAULTS,
    EVENT_TIMES,
    EXACT,
    EXCLUDE,
    EXCLUDE_SEEN,
    REQUEST_TIME,
    K,
)

_OPTIONAL = {
    REQUEST_TIME: tf.int64,
    EVENT_TIMES: tf.int64,
    K: tf.int32,
    EXCLUDE: tf.string,
    EXCLUDE_SEEN: tf.bool,
    EXACT: tf.bool,
}


def signature(
    function: Callable[..., dict[str, tf.Tensor]],
    inputs: list[tf.TensorSpec],
    optional: dict[str, tf.Tensor] | None = None,
) -> tf.types.experimental.PolymorphicFunction:
    """A function to save, whose optional inputs stand with their defaults in the signature.

    Args:
        function: What is called with the inputs in order, and with the optional ones by name.
        inputs: Those that a caller has to give.
        optional: Defaults of the others by name.
    """
    if optional is None:
        return tf.function(function, input_signature=inputs, autograph=False)
    specifications = {
        name: tf.TensorSpec([None] * value.shape.rank, value.dtype, name=name)
        for name, value in optional.items()
    }

    # A dict, because a signature has the defaults of positional arguments alone.
    def with_defaults(given: tf.Tensor, others: dict[str, tf.Tensor] = optional) -> Any:
        return function(given, **others)

    return tf.function(with_defaults, input_signature=[*inputs, specifications], autograph=False)


def traced(
    function: tf.types.experimental.PolymorphicFunction,
) -> tf.types.experimental.PolymorphicFunction:
    """The same signature, of a trace that is made now and that later calls of `function` use too.

    Saving the function itself would trace it once more, which takes half a second each.

    Args:
        function: What `signature` gave.
    """
    trace = function.get_concrete_function()
    defaults = function.python_function.__defaults__
    if defaults:
        [optional] = defaults

        def call(given: tf.Tensor, others: dict[str, tf.Tensor] = optional) -> Any:
            return trace(given, others)
    else:

        def call(*given: tf.Tensor) -> Any:  # type: ignore[misc]
            return trace(*given)

    return tf.function(call, input_signature=function.input_signature, autograph=False)


def default(name: str) -> tf.Tensor:
    """What an optional input is where a caller leaves it out."""
    return tf.constant(DEFAULTS[name], _OPTIONAL[name])


def missing_value(dtype: tf.DType) -> tf.Tensor:
    """How a caller tells that a query feature is missing, for all requests."""
    return tf.constant([""] if dtype == tf.string else [-1], dtype)
