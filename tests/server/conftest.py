"""A pushed model for the server: the one of the components' tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.paths import OutputPaths
from tests.components.conftest import artifacts, raw_folder
from tests.components.steps import Artifacts

__all__ = ["artifacts", "raw_folder"]


@pytest.fixture
def pushed(artifacts: Artifacts, tmp_path: Path) -> OutputPaths:
    """An output folder with one version."""
    paths = OutputPaths.of(tmp_path / "output")
    shutil.copytree(f"{artifacts.model.uri}/Format-Serving", paths.serving / "1700000001")
    return paths
