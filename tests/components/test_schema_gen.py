"""The schemas: found wherever the project is, and refused where they are others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

import schema
from components.datasets.errors import DataError
from components.schema_gen.component import CuratedSchemaGen
from components.schema_gen.executor import Executor
from tests.components.steps import new_artifact


def _run(parameters: dict[str, Any], folder: Path) -> str:
    made = new_artifact(standard_artifacts.Schema, folder)
    Executor().Do({}, {"schema": [made]}, parameters)
    return (folder / "schema.pbtxt").read_text()


def test_a_schema_of_the_project_is_named_relative_to_it(tmp_path: Path) -> None:
    parameters = CuratedSchemaGen(schema.CANDIDATES).exec_properties
    assert parameters["schema_file"] == "schema/candidates.pbtxt"
    assert _run(parameters, tmp_path / "out") == schema.CANDIDATES.read_text()


def test_a_schema_of_elsewhere_is_taken_too(tmp_path: Path) -> None:
    own = tmp_path / "own.pbtxt"
    own.write_text('feature { name: "user_id" type: BYTES }\n')
    parameters = CuratedSchemaGen(own).exec_properties
    assert parameters["schema_file"] == str(own.resolve())
    assert _run(parameters, tmp_path / "out") == own.read_text()


def test_a_schema_that_was_edited_since_is_refused(tmp_path: Path) -> None:
    parameters = {**CuratedSchemaGen(schema.CANDIDATES).exec_properties, "schema_sha256": "0"}
    with pytest.raises(DataError, match="is not the schema that the pipeline was compiled with"):
        _run(parameters, tmp_path / "out")
