"""Data that does not fit the curated schema stops the pipeline, and says where."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

import schema
from components.datasets.errors import DataError
from components.example_validator import executor
from tests.components.steps import Artifacts, new_artifact, run_statistics_gen


def _validate(artifacts: Artifacts, output: Path, schema_text: str) -> object:
    statistics = run_statistics_gen(artifacts.candidates, output, schema.CANDIDATES)
    schema_artifact = new_artifact(standard_artifacts.Schema, output / "schema")
    (output / "schema" / "schema.pbtxt").write_text(schema_text)
    anomalies = new_artifact(standard_artifacts.ExampleAnomalies, output / "anomalies")
    return executor.Executor().Do(
        {"statistics": [statistics], "schema": [schema_artifact]},
        {"anomalies": [anomalies]},
        {"exclude_splits": "[]", "code_version": ""},
    )


def test_good_data_passes(artifacts: Artifacts, tmp_path: Path) -> None:
    _validate(artifacts, tmp_path, schema.CANDIDATES.read_text())


def test_values_outside_the_domain_block(artifacts: Artifacts, tmp_path: Path) -> None:
    text = schema.CANDIDATES.read_text().replace("max: 2100", "max: 1950")
    with pytest.raises(DataError, match=r"train split, movie_release_year: .*Remedy"):
        _validate(artifacts, tmp_path, text)


def test_a_missing_feature_blocks(artifacts: Artifacts, tmp_path: Path) -> None:
    extra = 'feature { name: "studio" type: BYTES presence { min_fraction: 1 } }\n'
    with pytest.raises(DataError, match="studio: Column is completely missing"):
        _validate(artifacts, tmp_path, schema.CANDIDATES.read_text() + extra)
