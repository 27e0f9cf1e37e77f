"""The set-up's own command line."""

from __future__ import annotations

import os
import subprocess
import sys

from setup.environment import ROOT


def run_setup(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "setup", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_failure_is_one_sentence_and_an_exit_status() -> None:
    result = run_setup(RETRIEVAL_STACK="newest")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Set-up: RETRIEVAL_STACK=newest names no stack")
    assert result.stderr.count("\n") == 1


def test_an_unknown_command_shows_the_usage() -> None:
    result = run_setup("destroy")
    assert result.returncode == 2
    assert result.stderr == "usage: python3 -m setup [install|lock]\n"
