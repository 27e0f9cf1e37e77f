"""Serves a SavedModel on NVIDIA's Triton, in the environment that `foreign_server.py` makes.

It imports nothing of this project: TensorFlow loads the model, Triton takes the requests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

_LOOPBACK = "127.0.0.1"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Serve a SavedModel on Triton.")
    parser.add_argument("--model", type=Path, required=True, help="folder of the SavedModel")
    parser.add_argument("--port", type=int, required=True, help="port for HTTP")
    parser.add_argument("signatures", nargs="+", help="each becomes a model of that name")
    options = parser.parse_args()
    model = tf.saved_model.load(str(options.model))
    file = saved_model_pb2.SavedModel.FromString((options.model / "saved_model.pb").read_bytes())
    definitions = file.meta_graphs[0].signature_def
    config = TritonConfig(
        http_address=_LOOPBACK, http_port=options.port, allow_grpc=False, allow_metrics=False
    )
    with Triton(config=config) as triton:
        for name in options.signatures:
            definition = definitions[name]
            triton.bind(
                model_name=name,
                infer_func=_answering(model.signatures[name], definition),
                inputs=[
                    _tensor(key, info, optional=key in definition.defaults)
                    for key, info in definition.inputs.items()
                ],
                outputs=[_tensor(key, info) for key, info in definition.outputs.items()],
                # What the signatures call a batch is theirs.
                config=ModelConfig(batching=False),
            )
        triton.serve()


def _tensor(name: str, info: meta_graph_pb2.TensorInfo, optional: bool = False) -> Tensor:
    dtype = tf.as_dtype(info.dtype)
    return Tensor(
        name=name,
        dtype=bytes if dtype == tf.string else dtype.as_numpy_dtype,
        shape=(-1,) * len(info.tensor_shape.dim),
        optional=optional,
    )


def _answering(
    signature: Any, definition: meta_graph_pb2.SignatureDef
) -> Callable[[list[Any]], list[dict[str, np.ndarray]]]:
    types = {name: tf.as_dtype(info.dtype) for name, info in definition.inputs.items()}
    defaults = {name: tf.make_ndarray(value) for name, value in definition.defaults.items()}

    def answer(requests: list[Any]) -> list[dict[str, np.ndarray]]:
        answers = []
        for request in requests:
            given = {**defaults, **request.data}
            outputs = signature(**{name: tf.constant(given[name], types[name]) for name in types})
            answers.append({name: values.numpy() for name, values in outputs.items()})
        return answers

    return answer


if __name__ == "__main__":
    main()
