"""Runs TFX's ImportSchemaGen."""

from __future__ import annotations

from typing import Any

from tfx.components.schema_gen.import_schema_gen import executor as tfx_executor

from components.provenance.recording import recorded


class Executor(tfx_executor.Executor):
    """Executor of `components.schema_gen.component.CuratedSchemaGen`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the schema, once it has proved to be one."""
        super().Do(input_dict, output_dict, exec_properties)
