"""A version of the model in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from components.serving.loading import load

_GRAPH = "saved_model.pb"
# What only TensorFlow itself calls.
_INTERNAL = "__saved_model_init_op"
# What TensorFlow puts before the values of a failed assertion, each in brackets.
_ASSERTION = "assertion failed: "
# What it puts before and after the message of an operation.
_HEADING = "Graph execution error:"
_OPERATION = " [Op:"


class RequestError(Exception):
    """A request cannot be answered; the message is one sentence for whoever asked."""


class ServedModel:
    """A version that can be asked by several threads.

    Args:
        folder: The SavedModel.
        version: Its number.
    """

    def __init__(self, folder: Path, version: int) -> None:
        self.folder, self.version = folder, version
        self._model = load(str(folder))
        file = saved_model_pb2.SavedModel.FromString((folder / _GRAPH).read_bytes())
        self.definitions: dict[str, meta_graph_pb2.SignatureDef] = {
            name: definition
            for name, definition in file.meta_graphs[0].signature_def.items()
            if name != _INTERNAL
        }

    def definition(self, signature: str) -> meta_graph_pb2.SignatureDef:
        """Inputs, outputs and defaults of a signature.

        Raises:
            RequestError: There is none of that name.
        """
        if signature not in self.definitions:
            known = ", ".join(sorted(self.definitions))
            raise RequestError(f"the model has no signature {signature!r}: there are {known}.")
        return self.definitions[signature]

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Outputs of a signature.

        Args:
            signature: Name of the signature.
            inputs: Arrays or nested lists by name; those with a default may be left out.

        Raises:
            RequestError: An input is missing, unknown, of a wrong type or shape, or refused by the
                model.
        """
        definition = self.definition(signature)
        unknown = sorted(inputs.keys() - definition.inputs.keys())
        if unknown:
            known = ", ".join(sorted(definition.inputs)) or "none"
            raise RequestError(f"{signature!r} has no input {unknown[0]!r}: there are {known}.")
        tensors = {}
        for name, wanted in definition.inputs.items():
            if name in inputs:
                tensors[name] = _tensor(name, inputs[name], wanted)
            elif name in definition.defaults:
                tensors[name] = tf.constant(tf.make_ndarray(definition.defaults[name]))
            else:
                raise RequestError(f"{signature!r} needs the input {name!r}.")
        if tensors:
            _require_one_batch(definition, tensors)
        try:
            answer = self._model.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise RequestError(_sentence(error)) from error
        return {name: values.numpy() for name, values in answer.items()}

    def warm_up(self) -> int:
        """Answers the warm-up requests that lie beside the graph; returns how many there are."""
        file = self.folder / "assets.extra" / "tf_serving_warmup_requests"
        played = 0
        for record in tf.data.TFRecordDataset(str(file)) if file.is_file() else ():
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            request = log.predict_log.request
            self.predict(
                request.model_spec.signature_name,
                {name: tf.make_ndarray(values) for name, values in request.inputs.items()},
            )
            played += 1
        return played


def _tensor(name: str, values: Any, wanted: meta_graph_pb2.TensorInfo) -> tf.Tensor:
    dtype = tf.as_dtype(wanted.dtype)
    try:
        tensor = tf.constant(values, dtype)
    except (TypeError, ValueError) as error:
        raise RequestError(
            f"the input {name!r} has to be {dtype.name} in lists of equal length."
        ) from error
    rank = len(wanted.tensor_shape.dim)
    # An empty list has lost its inner dimensions.
    if tf.size(tensor) == 0 and tensor.shape.rank < rank:
        tensor = tf.reshape(tensor, [*tensor.shape, *[0] * (rank - tensor.shape.rank)])
    if tensor.shape.rank != rank:
        raise RequestError(
            f"the input {name!r} has {tensor.shape.rank} dimensions instead of {rank}."
        )
    return tensor


def _require_one_batch(definition: meta_graph_pb2.SignatureDef, tensors: Mapping[str, Any]) -> None:
    """Refuses inputs for different numbers of requests; one with a default may hold for all."""
    sizes = {name: int(tensor.shape[0]) for name, tensor in tensors.items()}
    first, *others = sorted(sizes, key=lambda name: name in definition.defaults)
    for name in others:
        allowed = {sizes[first], 1} if name in definition.defaults else {sizes[first]}
        if sizes[name] not in allowed:
            raise RequestError(
                f"the inputs {first!r} and {name!r} are for different numbers of requests:"
                f" {sizes[first]} and {sizes[name]}."
            )


def _sentence(error: tf.errors.OpError) -> str:
    """The part of TensorFlow's message that is about the request."""
    message, _, _ = str(error.message).partition(_OPERATION)
    lines = [line.strip() for line in message.removeprefix(_HEADING).splitlines() if line.strip()]
    # It comes before the place in the graph, where that is told.
    places = [place for place, line in enumerate(lines) if line.startswith("[[{{")]
    told = lines[max(places[0] - 1, 0)] if places else lines[0]
    if not told.startswith(_ASSERTION):
        return told
    return told.removeprefix(_ASSERTION).strip("[]").replace("] [", " ")
