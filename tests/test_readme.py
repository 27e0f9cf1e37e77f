"""Every command in the README is run, here or by the test that is named."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.grouplens_files import make_sample, write_100k, write_grouplens_100k

_ROOT = Path(__file__).parents[1]
# Run by the checkout's own set-up and continuous integration.
_ELSEWHERE = ("make run", "make test", "source .venv/bin/activate")
# Run by tests/server, because it does not end by itself.
_SERVER = "python runner.py serve"
# They ask what runs have left, and take no data.
_ON_OUTPUT = ("recommend", "versions", "rollback", "prune", "lineage", "report", "doctor")
# It takes no output folder, and no data of this machine.
_COMPILE = "python runner.py compile "
_VERSION = re.compile(r"\d{10}")
_TITLE = re.compile(r".+ \(\d{4}\)")
# Bounds that a model of a few generated events can meet.
_LOOSE_GATE = [
    *("--set", "gate.min_top_100_accuracy=0.01", "--set", "gate.min_unseen_top_100_accuracy=0.01"),
    *("--set", "gate.min_gain_over_popularity=0.0", "--set", "gate.max_drop_from_baseline=0.9"),
    *("--set", "gate.max_repeated_top_10_share=0.99", "--set", "gate.max_share_in_train=0.9"),
]


def _commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def test_only_known_commands() -> None:
    for command in _commands():
        assert command in _ELSEWHERE or command.startswith("python runner.py "), command
    targets = (_ROOT / "Makefile").read_text()
    for command in _ELSEWHERE[:2]:
        assert command in _commands()
        assert f"\n{command.split()[1]}:" in targets


@pytest.mark.slow
@pytest.mark.end_to_end
def test_runner_commands(tmp_path: Path) -> None:
    sample = make_sample(users=60, movies=160, events=3000, seed=7)
    write_100k(tmp_path / "data", sample)
    output = ["--output", str(tmp_path / "output")]
    generated = [*output, "--data", str(tmp_path / "data"), *_LOOSE_GATE]
    for seed in ("training.seed=1", "training.seed=2"):
        _run(["run", *generated, "--set", seed], {0})
    versions = (tmp_path / "output" / "serving" / "retrieval").iterdir()
    pushed = itertools.cycle(sorted(versions))
    titles = (title for _, title, _ in sample.movies if _TITLE.fullmatch(title))
    for command in _commands():
        if command in (*_ELSEWHERE, _SERVER):
            continue
        if command.startswith(_COMPILE):
            _, _, *arguments, file = shlex.split(command)
            _run([*arguments, str(tmp_path / file)], {0})
            continue
        _, _, *arguments = shlex.split(command)
        arguments = [next(pushed).name if _VERSION.fullmatch(a) else a for a in arguments]
        arguments = [next(titles) if _TITLE.fullmatch(a) else a for a in arguments]
        # What a model of so few events is worth is not what this test is about.
        accepted = {0, 3} if arguments[0] == "run" else {0}
        _run([*arguments, *(output if arguments[0] in _ON_OUTPUT else generated)], accepted)


def _run(arguments: list[str], accepted: set[int]) -> None:
    command = [sys.executable, "runner.py", *arguments]
    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert result.returncode in accepted, " ".join(command) + result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.end_to_end
def test_python_snippet(tmp_path: Path) -> None:
    [snippet] = re.findall(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    write_grouplens_100k(tmp_path / "data", users=60, movies=160, events=3000, seed=7)
    output = str(tmp_path / "output")
    _run(["run", "--data", str(tmp_path / "data"), "--output", output, *_LOOSE_GATE], {0})
    [version] = (tmp_path / "output" / "serving" / "retrieval").iterdir()
    code = re.sub(r"output/serving/retrieval/\d+", str(version), snippet)
    code += '\nassert lists["movie_title"].shape == (2, 100), lists'
    subprocess.run([sys.executable, "-c", code], check=True)
