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


def _run(*arguments: str, code: int = 0) -> dict[str, Any]:
    command = [sys.executable, "runner.py", *arguments, "--json"]
    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stdout + result.stderr
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


def test_default_preset(output: Path) -> None:
    answer = _run("run", "--data", real_data.source(), "--output", str(output))
    assert answer["verdict"] == "pushed"
    assert answer["metrics"]["top_100_accuracy"] >= 0.61
    assert answer["metrics"]["unseen_top_100_accuracy"] >= 0.765
    assert answer["metrics"]["unseen_top_10_accuracy"] >= 0.285
    assert answer["metrics"]["example_count"] == 19905
    peers = {peer: found["unseen_top_100_accuracy"] for peer, found in answer["peers"].items()}
    assert peers["popularity"] == pytest.approx(0.4063, abs=1e-4)
    assert peers["item_knn"] == pytest.approx(0.5853, abs=2e-3)
    assert peers["session_knn"] == pytest.approx(0.6322, abs=2e-3)
    assert peers["implicit_als"] == pytest.approx(0.6346, abs=4e-3)
    again = _run("run", "--data", real_data.source(), "--output", str(output))
    assert again["verdict"] == "unchanged"
    assert again["metrics"] == answer["metrics"]
    listed = _run("recommend", "--user", "42", "-k", "10", "--output", str(output))
    assert len(listed["recommendations"]) == 10


def test_notebook_preset_reproduces_the_notebook_and_is_refused(output: Path) -> None:
    arguments = ["--data", real_data.source(), "--preset", "notebook", "--output", str(output)]
    answer = _run("run", *arguments, code=3)
    assert answer["verdict"] == "not_blessed"
    assert 0.22 <= answer["metrics"]["top_100_accuracy"] <= 0.26
    failed = {reason["check"] for reason in answer["reasons"] if not reason["passed"]}
    # Popularity alone is better; the default preset's model, of other valid rows, is no baseline.
    assert failed == {"gain_over_popularity"}
