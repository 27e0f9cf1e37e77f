"""The command `doctor`: all checks in order, for people or programs."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pipeline import stack
from pipeline.config import DataSection
from pipeline.doctor.data import check_source
from pipeline.doctor.finding import Finding, Status
from pipeline.doctor.folders import check_lock as check_output_lock
from pipeline.doctor.folders import check_writable
from pipeline.doctor.machine import check_disk, check_memory
from pipeline.doctor.metadata import check_metadata
from pipeline.doctor.serving import check_serving
from pipeline.paths import OutputPaths

_CHECKOUT = Path(__file__).resolve().parents[2]
_SUBJECT_WIDTH = 13
_MARKS: dict[Status, tuple[str, str]] = {
    "ok": ("ok      ", "green"),
    "note": ("note    ", "cyan"),
    "warning": ("warning ", "bold yellow"),
    "error": ("ERROR   ", "bold red"),
}


def doctor(paths: OutputPaths, data: DataSection, as_json: bool) -> int:
    """Prints what every check has found; 1 where a run, or what is served, cannot work.

    Args:
        paths: Output folder of the runs.
        data: Where events would come from.
        as_json: Whether to print one JSON object instead of lines.
    """
    findings = list(diagnose(paths, data))
    healthy = all(finding.status != "error" for finding in findings)
    if as_json:
        found = [dataclasses.asdict(finding) for finding in findings]
        print(json.dumps({"healthy": healthy, "findings": found}))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for finding in findings:
            console.print(_line(finding))
    return 0 if healthy else 1


def diagnose(paths: OutputPaths, data: DataSection) -> Iterator[Finding]:
    """What every check has found, in the order in which a run would come across it.

    Args:
        paths: Output folder of the runs.
        data: Where events would come from.
    """
    yield from _environment()
    yield check_memory()
    for subject, folder in (("output", paths.output), ("cache", data.cache)):
        yield check_writable(subject, folder)
        yield check_disk(subject, folder)
    yield check_disk("temporary", Path(tempfile.gettempdir()))
    yield check_output_lock(paths.output)
    yield from check_source(data.source, data.cache)
    yield check_metadata(paths.metadata)
    yield from check_serving(paths)


def _environment() -> Iterator[Finding]:
    # The set-up, its lock files and its choice of versions are of a checkout, not of a wheel.
    if not (_CHECKOUT / "setup" / "stack.py").is_file():
        versions = ", ".join(f"{name} {version}" for name, version in stack.versions().items())
        yield Finding("packages", "note", f"not a checkout, so without lock files: {versions}")
        return
    from pipeline.doctor import interpreter, packages
    from setup.stack import STACKS, read_glibc

    glibc, machine = read_glibc(), platform.machine()
    installed = packages.installed_versions()
    if "tfx" not in installed:
        yield Finding("stack", "error", "tfx is not installed", "make setup, then .venv/bin/python")
        return
    used = STACKS[stack.stack_name()]
    yield interpreter.check_interpreter(used)
    yield interpreter.check_stack(used, glibc, machine, os.environ)
    yield interpreter.check_libraries()
    yield from interpreter.check_variables(os.environ)
    project = _CHECKOUT / "pyproject.toml"
    yield packages.check_lock(_CHECKOUT / "requirements" / f"{used.name}.txt", project, installed)
    yield from packages.check_extras(project, installed)


def _line(finding: Finding) -> Text:
    mark, style = _MARKS[finding.status]
    line = Text(mark, style=style)
    line.append(f"{finding.subject:<{_SUBJECT_WIDTH}}", style="not bold dim")
    line.append(finding.sentence, style="not bold default")
    if finding.remedy:
        line.append(f". Remedy: {finding.remedy}", style="not bold cyan")
    line.append(".", style="not bold default")
    return line
