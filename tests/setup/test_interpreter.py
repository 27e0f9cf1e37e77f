"""The choice of the interpreter among what a machine has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setup.interpreter import Facts, candidates, choose_interpreter, probe
from setup.stack import COMPAT, CURRENT


def make_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def cpython(*version: int, headers: bool = True) -> Facts:
    return Facts(version=version, implementation="cpython", headers=headers)


def test_probe_reads_a_real_interpreter() -> None:
    facts = probe(Path(sys.executable))
    assert facts.version == sys.version_info[:3]
    assert facts.implementation == "cpython"
    assert not facts.failure


def test_probe_reports_a_broken_shim(tmp_path: Path) -> None:
    shim = make_program(tmp_path / "python3.10", "#!/bin/sh\necho not found >&2\nexit 127\n")
    assert probe(shim) == Facts(failure="exit status 127")


def test_probe_reports_a_program_that_is_no_python(tmp_path: Path) -> None:
    other = make_program(tmp_path / "python3.10", "#!/bin/sh\necho hello\n")
    assert probe(other) == Facts(failure="no answer")


def test_probe_reports_a_file_that_does_not_start(tmp_path: Path) -> None:
    broken = make_program(tmp_path / "python3.10", "#!/nowhere/python\n")
    assert probe(broken) == Facts(failure="FileNotFoundError")


def test_a_broken_shim_on_path_gives_way_to_pyenvs_newest_version(tmp_path: Path) -> None:
    shim = make_program(tmp_path / "shims" / "python3.10", "#!/bin/sh\nexit 127\n")
    versions = tmp_path / "home" / ".pyenv" / "versions"
    answer = '{"version": [3, 10, 13], "implementation": "cpython", "headers": true, '
    answer += '"compilers": []}'
    for version in ("3.10.9", "3.10.13", "3.11.7"):
        name = "python" + version.rpartition(".")[0]
        make_program(versions / version / "bin" / name, f"#!/bin/sh\necho '{answer}'\n")
    paths = candidates(COMPAT, {"PATH": str(shim.parent)}, tmp_path / "home")
    choice = choose_interpreter(COMPAT, paths)
    assert choice.executable == versions / "3.10.13" / "bin" / "python3.10"
    assert choice.rejected == (f"{shim} (exit status 127)",)


def test_the_preferred_version_comes_first_wherever_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    newer = make_program(folder / "python3.12", "")
    bare = make_program(folder / "python3", "")
    preferred = make_program(tmp_path / ".pyenv" / "versions" / "3.11.7" / "bin" / "python3.11", "")
    environment = {"PATH": os.pathsep.join([str(folder), "", str(tmp_path / "absent")])}
    assert candidates(CURRENT, environment, tmp_path) == [preferred, newer, bare]


def test_only_a_fitting_python_is_chosen() -> None:
    answers = {
        Path("/a"): Facts(failure="exit status 127"),
        Path("/b"): cpython(3, 9, 18),
        Path("/c"): Facts(version=(3, 10, 13), implementation="pypy", headers=True),
        Path("/d"): cpython(3, 10, 12, headers=False),
        Path("/e"): cpython(3, 10, 13),
        Path("/f"): cpython(3, 10, 14),
    }
    choice = choose_interpreter(COMPAT, answers, answers.__getitem__)
    assert choice.executable == Path("/e")
    assert choice.facts.version_text == "3.10.13"
    assert choice.rejected == (
        "/a (exit status 127)",
        "/b (3.9.18)",
        "/c (pypy)",
        "/d (without its C headers)",
    )


def test_headers_do_not_matter_where_nothing_is_compiled() -> None:
    answers = {Path("/a"): cpython(3, 12, 1, headers=False)}
    assert choose_interpreter(CURRENT, answers, answers.__getitem__).executable == Path("/a")


def test_no_fitting_python_is_an_answer_too() -> None:
    answers = {Path("/a"): cpython(3, 13, 5)}
    choice = choose_interpreter(CURRENT, answers, answers.__getitem__)
    assert choice.executable is None
    assert choice.rejected == ("/a (3.13.5)",)
