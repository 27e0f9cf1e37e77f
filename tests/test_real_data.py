"""Full runs of the command line on the real MovieLens 100K, and of what the README promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import real_data

_ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.end_to_end]


def _run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "runner.py", *arguments, "--json"]
    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


def test_default_preset(output: Path) -> None:
    answer = _run("run", "--data", real_data.source(), "--output", str(output))
    assert answer["verdict"] == "pushed"
    assert answer["metrics"]["top_100_accuracy"] >= 0.36
    assert answer["metrics"]["unseen_top_100_accuracy"] >= 0.56
    assert answer["metrics"]["example_count"] == 19905
    again = _run("run", "--data", real_data.source(), "--output", str(output))
    assert again["verdict"] == "unchanged"
    assert again["metrics"] == answer["metrics"]
    listed = _run("recommend", "--user", "42", "-k", "10", "--output", str(output))
    assert len(listed["recommendations"]) == 10


def test_notebook_preset_reproduces_the_notebook(output: Path) -> None:
    answer = _run(
        "run",
        "--data",
        real_data.source(),
        "--preset",
        "notebook",
        "--output",
        str(output / "notebook"),
    )
    assert answer["verdict"] == "pushed"
    assert 0.22 <= answer["metrics"]["top_100_accuracy"] <= 0.26
