"""Every command in the README is run, here or by the test that is named."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.datasets.grouplens_files import write_grouplens_100k

_ROOT = Path(__file__).parents[1]
# Run by the checkout's own set-up and continuous integration.
_ELSEWHERE = ("make run", "make test", "source .venv/bin/activate")


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
    write_grouplens_100k(tmp_path / "data", users=60, movies=160, events=3000, seed=7)
    generated = f"--data {tmp_path / 'data'} --set gate.min_top_100_accuracy=0.01"
    generated += " --set gate.min_unseen_top_100_accuracy=0.01"
    generated += " --set gate.min_gain_over_popularity=0.0"
    generated += " --set gate.max_repeated_top_10_share=0.99"
    for command in _commands():
        if command in _ELSEWHERE:
            continue
        arguments = [*shlex.split(command)[1:], "--output", str(tmp_path / "output")]
        if "run" in arguments:
            arguments += shlex.split(generated)
        result = subprocess.run(
            [sys.executable, *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, command + result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.end_to_end
def test_python_snippet(tmp_path: Path) -> None:
    [snippet] = re.findall(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    write_grouplens_100k(tmp_path / "data", users=60, movies=160, events=3000, seed=7)
    command = f"runner.py run --data {tmp_path / 'data'} --output {tmp_path / 'output'}"
    command += " --set gate.min_top_100_accuracy=0.01 --set gate.min_unseen_top_100_accuracy=0.01"
    subprocess.run([sys.executable, *shlex.split(command)], cwd=_ROOT, check=True)
    [version] = (tmp_path / "output" / "serving" / "retrieval").iterdir()
    code = re.sub(r"output/serving/retrieval/\d+", str(version), snippet)
    code += '\nassert lists["movie_title"].shape == (2, 100), lists'
    subprocess.run([sys.executable, "-c", code], check=True)
