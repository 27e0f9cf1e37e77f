"""When .venv counts as ready."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from setup.environment import (
    ROOT,
    STAMP,
    environment_version,
    exclusive,
    is_ready,
    lock_files,
    stamp,
)
from setup.stack import COMPAT, CURRENT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is complete."""
    for path in (*lock_files(tmp_path, COMPAT), *lock_files(tmp_path, CURRENT)):
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.name)
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.10.13\n")
    (environment / STAMP).write_text(stamp(tmp_path, COMPAT, "3.10.13"))
    return tmp_path


def test_a_complete_environment_is_ready(checkout: Path) -> None:
    assert is_ready(checkout, COMPAT)


def test_another_stack_is_not(checkout: Path) -> None:
    assert not is_ready(checkout, CURRENT)


@pytest.mark.parametrize("index", range(3))
def test_a_changed_lock_file_is_noticed(checkout: Path, index: int) -> None:
    lock_files(checkout, COMPAT)[index].write_text("another version")
    assert not is_ready(checkout, COMPAT)


def test_another_python_is_noticed(checkout: Path) -> None:
    (checkout / ".venv" / "pyvenv.cfg").write_text("version_info = 3.10.14\n")
    assert not is_ready(checkout, COMPAT)


def test_an_interrupted_installation_is_noticed(checkout: Path) -> None:
    (checkout / ".venv" / STAMP).unlink()
    assert not is_ready(checkout, COMPAT)


def test_a_vanished_interpreter_is_noticed(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout / "absent")
    assert environment_version(checkout / ".venv") == ""
    assert not is_ready(checkout, COMPAT)


def test_no_environment_is_not_ready(tmp_path: Path) -> None:
    assert not is_ready(tmp_path, COMPAT)


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from setup.environment import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('inside', flush=True)\n"
    )
    with exclusive(tmp_path):
        second = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    remaining, _ = second.communicate(timeout=30)
    assert remaining == "inside\n"
    assert second.returncode == 0
