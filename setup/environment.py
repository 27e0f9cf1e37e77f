"""Make .venv hold exactly what the lock files say."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from setup.bootstrap import ensure_uv
from setup.compiler import borrowed, is_missing
from setup.failure import SetupError
from setup.interpreter import Choice, candidates, choose_interpreter
from setup.libraries import require_libraries
from setup.stack import Stack, choose_stack, read_glibc
from setup.uv import run_uv

ROOT = Path(__file__).resolve().parent.parent
STAMP = "setup-stamp"


def say(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"Set-up: {text}\n")
    sys.stdout.flush()


def lock_files(root: Path, stack: Stack) -> list[Path]:
    """The files that say what a stack's environment holds."""
    folder = root / "requirements"
    return [folder / f"{stack.name}.txt", folder / f"{stack.name}-dev.txt", folder / "build.txt"]


def stamp(root: Path, stack: Stack, version: str) -> str:
    """What a finished environment is recognised by."""
    digest = hashlib.sha256(f"{stack.name} {version}".encode())
    for path in lock_files(root, stack):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def environment_version(environment: Path) -> str:
    """The Python version that an environment was made with; empty if there is none that starts."""
    settings = environment / "pyvenv.cfg"
    if not settings.exists() or not (environment / "bin" / "python").exists():
        return ""
    match = re.search(r"^version_info = (\d+\.\d+\.\d+)", settings.read_text(), re.MULTILINE)
    return match.group(1) if match else ""


def is_ready(root: Path, stack: Stack) -> bool:
    """Whether .venv is complete and belongs to the present lock files."""
    environment = root / ".venv"
    written = environment / STAMP
    version = environment_version(environment)
    return bool(version) and written.exists() and written.read_text() == stamp(root, stack, version)


@contextmanager
def exclusive(root: Path) -> Iterator[int]:
    """Hold the set-up's lock; its descriptor is for the children, who hold it while they live."""
    folder = root / ".setup"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this checkout to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def find_interpreter(stack: Stack, root: Path, uv: Path, lock: int) -> Choice:
    """A Python of this machine that fits, else one that uv downloads."""
    choice = choose_interpreter(stack, candidates(stack, os.environ, Path.home()))
    if choice.executable is not None:
        return choice
    preferred = "{}.{}".format(*stack.pythons[0])
    say(f"no Python {stack.python_names} here that fits; downloading {preferred}")
    tried = f", having tried {', '.join(choice.rejected)}," if choice.rejected else ""
    remedy = (
        f"found no fitting Python {stack.python_names}{tried} and could not download one; install "
        f"it, for example with pyenv install {preferred}, then try again"
    )
    run_uv(uv, ["python", "install", "--quiet", preferred], root, lock, remedy)
    command = ["python", "find", "--managed-python", "--no-project", preferred]
    downloaded = Path(run_uv(uv, command, root, lock, remedy).strip())
    return choose_interpreter(stack, [downloaded])


def install() -> None:
    """Make .venv; instant if it is already what it should be."""
    stack, reason = choose_stack(read_glibc(), platform.machine(), os.environ)
    if is_ready(ROOT, stack):
        return
    with exclusive(ROOT) as lock:
        if is_ready(ROOT, stack):
            return
        started = time.monotonic()
        require_libraries()
        say(f"stack {stack.name} ({stack.label}), because {reason}")
        uv = ensure_uv(ROOT)
        choice = find_interpreter(stack, ROOT, uv, lock)
        if choice.executable is None:
            raise SetupError(
                f"no Python {stack.python_names} fits, having tried {', '.join(choice.rejected)}; "
                "install one, then try again."
            )
        say(f"Python {choice.facts.version_text} from {choice.executable}")
        _fill(uv, choice, stack, lock)
        say(f"done in {time.monotonic() - started:.0f} s")


def _fill(uv: Path, choice: Choice, stack: Stack, lock: int) -> None:
    """Make .venv anew, so that a half-made one is repaired too; the stamp comes last."""
    runtime, development, build = lock_files(ROOT, stack)
    environment = ROOT / ".venv"
    interpreter = str(environment / "bin" / "python")
    create = ["venv", "--quiet", "--clear", "--no-project", "--python", str(choice.executable)]
    failed = f"{environment} could not be made; remove it, then try again"
    run_uv(uv, [*create, str(environment)], ROOT, lock, failed)
    say(f"installing from {runtime.relative_to(ROOT)}: about 3 GB and 2 minutes the first time")
    sync = ["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode"]
    sync += ["--python", interpreter, "--build-constraints", str(build)]
    sync += [str(runtime), str(development)]
    failed = "the packages could not be installed; check the network and the disk, then try again"
    if is_missing(stack, choice.facts):
        say("no C++ compiler here; fetching one for the duration, which adds 2 minutes")
        with borrowed(uv, interpreter, ROOT, lock) as variables:
            run_uv(uv, sync, ROOT, lock, failed, variables)
    else:
        run_uv(uv, sync, ROOT, lock, failed)
    fresh = environment / f"{STAMP}.new"
    fresh.write_text(stamp(ROOT, stack, environment_version(environment)))
    fresh.replace(environment / STAMP)
