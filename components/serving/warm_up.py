"""Requests that TensorFlow Serving plays to a model before it is served."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from components.serving.golden import GoldenQuery
from components.serving.manifest import EXTRAS

# The name that TensorFlow Serving looks for.
FILE = os.path.join(EXTRAS, "tf_serving_warmup_requests")


def write(
    requests: Sequence[GoldenQuery],
    types: Mapping[str, Mapping[str, tf.DType]],
    model_name: str,
    folder: str,
) -> None:
    """Writes warm-up requests into the folder of a SavedModel.

    Args:
        requests: The requests.
        types: Type of each input of each signature.
        model_name: Name that the model is served under.
        folder: The SavedModel.
    """
    with tf.io.TFRecordWriter(os.path.join(folder, FILE)) as writer:
        for request in requests:
            given: dict[str, Any] = {
                name: tf.make_tensor_proto(values, types[request.signature][name])
                for name, values in request.inputs.items()
            }
            specification = model_pb2.ModelSpec(name=model_name, signature_name=request.signature)
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(
                    request=predict_pb2.PredictRequest(model_spec=specification, inputs=given)
                )
            )
            writer.write(log.SerializeToString())
