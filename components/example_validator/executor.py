"""Runs TFX's ExampleValidator and refuses data with anomalies."""

from __future__ import annotations

import os
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils

from components.datasets.errors import DataError
from components.provenance.recording import recorded

_ANOMALIES = "anomalies"


class Executor(tfx_executor.Executor):
    """Executor of `components.example_validator.component.BlockingExampleValidator`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Compares statistics with the schema.

        Raises:
            DataError: Some split has an anomaly; the message names them all.
        """
        super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict[_ANOMALIES])
        found = [
            f"{split} split, {feature}: {description}"
            for split in artifact_utils.decode_split_names(artifact.split_names)
            for feature, description in _anomalies(artifact, split)
        ]
        if found:
            raise DataError(
                f"the data does not fit the schema ({'; '.join(found)})",
                "correct the data, or the schema under schema/ if the data is right",
            )


def _anomalies(artifact: Artifact, split: str) -> list[tuple[str, str]]:
    folder = artifact_utils.get_split_uri([artifact], split)
    path = os.path.join(folder, tfx_executor.DEFAULT_FILE_NAME)
    anomalies = anomalies_pb2.Anomalies()
    with fileio.open(path, "rb") as stream:
        anomalies.ParseFromString(stream.read())
    found = [
        (name, info.description or info.short_description)
        for name, info in sorted(anomalies.anomaly_info.items())
    ]
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(("the data set", anomalies.dataset_anomaly_info.description))
    return found
