"""A run whose artifacts are on a file system that is not this machine's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import presets
from pipeline.failure import UsageError
from tests.datasets.grouplens_files import write_grouplens_100k
from tests.pipeline.command_line import RUNNER, Workspace
from tests.pipeline.ram_file_system import ROOT


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_run_on_another_file_system(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data", tmp_path / "cache", tmp_path / "output")
    workspace.data.mkdir()
    write_grouplens_100k(workspace.data, users=60, movies=160, events=3000, seed=7)
    arguments = workspace.command(f"artifacts.root={ROOT}")[2:]  # without runner.py itself
    finished = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.ram_file_system", *arguments],
        cwd=RUNNER.parent,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    report, left = map(json.loads, finished.stdout.splitlines()[-2:])
    assert report["verdict"] == "pushed"
    # Pushed to this machine's folder from there, and to a folder there, where it answers.
    pushed = workspace.output / "serving" / "retrieval" / str(report["version"])
    assert (pushed / "saved_model.pb").is_file()
    assert len(set(left["titles"])) == 5
    # Nothing of the artifacts is here, and all of them are there.
    assert not (workspace.output / "artifacts").exists()
    folders = {path.split("/")[0] for path in left["files"]}
    assert {"ExampleGen", "Transform", "Trainer", "Evaluator", "PeerEvaluator"} <= folders
    assert not any(path.startswith("checkpoints/") for path in left["files"])
    assert not any("/results/" in path for path in left["files"])


@pytest.mark.parametrize("root", ["output", "/tmp/output", "gs:///folder", "gs://bucket/"])
def test_a_root_is_a_url_of_a_folder(root: str) -> None:
    with pytest.raises(UsageError, match=r"artifacts\.root cannot be"):
        presets.load("default", [f"artifacts.root={root}"])
