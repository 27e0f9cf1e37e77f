"""Runs TFX's ImportSchemaGen on a schema file of this project."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tfx.components.schema_gen.import_schema_gen import executor as tfx_executor

from components.datasets.errors import DataError
from components.provenance.recording import recorded

ROOT = Path(__file__).resolve().parents[2]


class Executor(tfx_executor.Executor):
    """Executor of `components.schema_gen.component.CuratedSchemaGen`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the schema, once it has proved to be one.

        Raises:
            DataError: The file here is another than the one that the pipeline was made with.
        """
        file = ROOT / exec_properties["schema_file"]
        if hashlib.sha256(file.read_bytes()).hexdigest() != exec_properties["schema_sha256"]:
            raise DataError(
                "is not the schema that the pipeline was compiled with",
                "run it where the same version of the project is installed",
                value=str(file),
            )
        super().Do(input_dict, output_dict, {**exec_properties, "schema_file": str(file)})
