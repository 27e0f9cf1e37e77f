"""Versions that come and go while the server runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import load
from components.pusher.version_folder import push, remove
from pipeline.paths import OutputPaths
from tests.server.running import Client, running

pytestmark = pytest.mark.slow

_FIRST = 1700000001
_POLLS = 2.5
# A push that stops after its first file.
_PUSH_SLOWLY = """
import shutil, sys, time
from components.pusher.version_folder import push
copy = shutil.copy2
def once(*arguments, **options):
    copy(*arguments, **options)
    print("one file", flush=True)
    time.sleep(600)
shutil.copytree.__kwdefaults__, shutil.copytree.__defaults__
shutil.copytree.__defaults__ = tuple(
    once if value is copy else value for value in shutil.copytree.__defaults__
)
push(*sys.argv[1:])
"""


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_newer_version_takes_over_without_a_failed_or_mixed_answer(
    pushed: OutputPaths, tmp_path: Path
) -> None:
    model, other = pushed.serving / str(_FIRST), tmp_path / "other"
    load.with_other_weights(model, other)
    asked = load.questions("user_id", 5)
    with running(pushed) as client:
        calls = load.calls(client.address, asked)
        version, answers = load.push_under_load(calls, pushed.serving, other, 8, 6)
    first, second = (load.lists(folder, "movie_id", asked) for folder in (model, other))
    assert load.faults(answers, "movie_id", {_FIRST: first, version: second}) == []
    # The other way round each answer is wrong.
    assert len(load.faults(answers, "movie_id", {_FIRST: second, version: first})) >= 2 * len(asked)


def test_what_is_unfinished_broken_rolled_back_or_pruned(
    pushed: OutputPaths, tmp_path: Path
) -> None:
    model = pushed.serving / str(_FIRST)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"no graph")
    with running(pushed) as client:
        _kill_a_push(model, pushed.serving)
        [unfinished] = pushed.serving.glob(".*")
        assert list(unfinished.rglob("*"))
        time.sleep(_POLLS)
        assert _health(client) == ("ok", _FIRST)
        # One that cannot be loaded is told, and the older one stays.
        bad = push(str(broken), str(pushed.serving))
        assert not unfinished.exists()
        _wait(lambda: _health(client) == ("degraded", _FIRST))
        assert f"version {bad} cannot be served" in client.get("/healthz").json()["problem"]
        assert client.predict({"inputs": ["1"]}).headers["Model-Version"] == str(_FIRST)
        # A rollback publishes the older one again, under a higher number.
        again = push(str(model), str(pushed.serving))
        _wait(lambda: _health(client) == ("ok", again))
        for version in (_FIRST, bad):
            remove(version, str(pushed.serving))
        time.sleep(_POLLS)
        assert _health(client) == ("ok", again)
        # Its files gone too, it is served from memory.
        shutil.rmtree(pushed.serving)
        time.sleep(_POLLS)
        assert client.predict({"inputs": ["1"]}).headers["Model-Version"] == str(again)


def _health(client: Client) -> tuple[str, int]:
    health = client.get("/healthz").json()
    return health["status"], health["version"]


def _kill_a_push(model: Path, serving: Path) -> None:
    command = [sys.executable, "-c", _PUSH_SLOWLY, str(model), str(serving)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one file\n"
        process.kill()
