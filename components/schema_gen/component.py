"""SchemaGen as a TFX component: TFX's ImportSchemaGen, with the file's content in the cache key."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.schema_gen import executor


class CuratedSchemaGenSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `CuratedSchemaGen`."""

    PARAMETERS = {
        "schema_file": component_spec.ExecutionParameter(type=str),
        "schema_sha256": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {"schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)}


class CuratedSchemaGen(base_component.BaseComponent):
    """Imports a schema file; an edited file is imported anew, which ImportSchemaGen would not do.

    Args:
        schema_file: A `tensorflow_metadata.proto.v0.Schema` in text format. One of this project is
            named relative to its root, so that it is found wherever the project is installed.
    """

    SPEC_CLASS = CuratedSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, schema_file: Path) -> None:
        file = schema_file.resolve()
        name = file.relative_to(executor.ROOT) if file.is_relative_to(executor.ROOT) else file
        super().__init__(
            spec=CuratedSchemaGenSpec(
                schema_file=str(name),
                schema_sha256=hashlib.sha256(schema_file.read_bytes()).hexdigest(),
                schema=types.Channel(type=standard_artifacts.Schema),
            )
        )
