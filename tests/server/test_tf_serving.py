"""The server's JSON against the messages of TensorFlow Serving that it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
)

from components.serving.asking import ask
from tests.components.steps import Artifacts
from tests.server.running import Client

pytestmark = pytest.mark.slow

_ADDRESSES = ("/v1/models/retrieval", "/v1/models/retrieval/versions/1700000001")


@pytest.mark.parametrize("address", _ADDRESSES)
def test_the_status_is_a_model_status_response(client: Client, address: str) -> None:
    status = json_format.ParseDict(
        client.get(address).json(), get_model_status_pb2.GetModelStatusResponse()
    )
    expected = get_model_status_pb2.GetModelStatusResponse()
    version = expected.model_version_status.add()
    version.version = 1700000001
    version.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    version.status.SetInParent()
    assert status == expected


@pytest.mark.parametrize("address", _ADDRESSES)
def test_the_metadata_is_a_model_metadata_response(
    client: Client, artifacts: Artifacts, address: str
) -> None:
    metadata = client.get(f"{address}/metadata").json()
    assert metadata.keys() == {"model_spec", "metadata"}
    spec = json_format.ParseDict(metadata["model_spec"], model_pb2.ModelSpec())
    assert (spec.name, spec.version.value) == ("retrieval", 1700000001)
    signatures = json_format.ParseDict(
        metadata["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap()
    )
    file = Path(artifacts.model.uri, "Format-Serving", "saved_model.pb")
    [graph] = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    expected = dict(graph.signature_def)
    del expected["__saved_model_init_op"]
    assert dict(signatures.signature_def) == expected
    # Empty fields are printed too.
    user = metadata["metadata"]["signature_def"]["signature_def"]["recommend"]["inputs"]["user_id"]
    assert user["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}


def test_each_warm_up_request_is_answered_in_rows_and_in_columns(
    client: Client, artifacts: Artifacts, model: Any
) -> None:
    file = f"{artifacts.model.uri}/Format-Serving/assets.extra/tf_serving_warmup_requests"
    played = set()
    for record in tf.data.TFRecordDataset(file):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == "retrieval"
        signature = request.model_spec.signature_name
        played.add(signature)
        columns = _columns(request)
        by_column = client.predict({"signature_name": signature, "inputs": columns}).json()
        size = max(map(len, columns.values()))
        rows = [
            {name: values[row % len(values)] for name, values in columns.items()}
            for row in range(size)
        ]
        by_row = client.predict({"signature_name": signature, "instances": rows}).json()
        inputs = {name: tf.make_ndarray(values) for name, values in request.inputs.items()}
        expected = ask(model.signatures[signature], inputs)
        for found in (by_column["outputs"], _of_rows(by_row["predictions"], list(expected))):
            _assert_equal(_response(found, expected), expected)
    assert played == {
        *("serving_default", "recommend", "recommend_from_history"),
        *("similar_items", "query_embedding"),
    }


def _columns(request: predict_pb2.PredictRequest) -> dict[str, Any]:
    """The inputs of a request as TensorFlow Serving's REST takes them."""
    columns = {}
    for name, proto in request.inputs.items():
        values = tf.make_ndarray(proto)
        columns[name] = (
            np.vectorize(bytes.decode, otypes=[object])(values).tolist()
            if (values.dtype == object)
            else values.tolist()
        )
    return columns


def _of_rows(predictions: list[Any], names: list[str]) -> Any:
    if len(names) == 1:
        return predictions
    return {name: [row[name] for row in predictions] for name in names}


def _response(found: Any, expected: dict[str, np.ndarray]) -> predict_pb2.PredictResponse:
    """The response that a JSON answer stands for; a single output has no name in it."""
    named = found if len(expected) > 1 else {next(iter(expected)): found}
    assert named.keys() == expected.keys()
    response = predict_pb2.PredictResponse()
    for name, values in named.items():
        dtype = tf.as_dtype(expected[name].dtype)
        response.outputs[name].CopyFrom(tf.make_tensor_proto(values, dtype))
    return response


def _assert_equal(response: predict_pb2.PredictResponse, expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        found = tf.make_ndarray(response.outputs[name])
        if values.dtype == object:
            np.testing.assert_array_equal(found, values)
        else:
            np.testing.assert_allclose(found, values, rtol=1e-4)
