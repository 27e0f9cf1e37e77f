import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli import main

RUNNER = Path(__file__).resolve().parents[2] / "runner.py"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--preset", "best"],
        ["run", "--set", "training.epoch=3"],
        ["run", "--split", "half"],
        ["run", "--no-such-option"],
        ["no-such-command"],
        ["recommend"],
        ["recommend", "--user", "1", "-k", "0"],
        ["recommend", "--user", "1", "-k", "101"],
    ],
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_recommending_before_a_push_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", "--user", "1", "--output", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert "no model was pushed" in captured.err


def test_help_is_fast_and_names_every_option() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(RUNNER), "run", "--help"], capture_output=True, text=True, check=True
    )
    assert time.monotonic() - began < 3  # a third of that where nothing else runs
    for option in ("--data", "--split", "--preset", "--output", "--set", "--cache", "--json"):
        assert option in done.stdout
