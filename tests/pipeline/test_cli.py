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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "either --user or --history"),
        (["--user", "1", "--history", "Heat (1995)"], "either --user or --history"),
        (["--user", "1", "--at", "yesterday"], "--at is 'yesterday'"),
        (["--user", "1", "--at", "1969-12-31"], "--at is '1969-12-31'"),
        (["--history", "Heat (1995)", "--at", "1998-04-01"], "--at goes with --user"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", *arguments, "--output", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize("option", ["--user", "--history"])
def test_recommending_before_a_push_is_one_sentence(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", option, "1", "--output", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert "no model was pushed" in captured.err


def test_help_is_fast_and_names_every_option() -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(RUNNER), "run", "--help"], capture_output=True, text=True, check=True
    )
    assert time.monotonic() - began < 3  # a third of that where nothing else runs
    for option in (
        "--data",
        "--split",
        "--preset",
        "--output",
        "--set",
        "--cache",
        "--tune",
        "--json",
    ):
        assert option in done.stdout
