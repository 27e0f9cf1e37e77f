"""Checks of the folder of pushed versions, without TensorFlow."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from components.pusher.version_folder import INCOMPLETE
from components.serving.interface import MANIFEST
from pipeline.doctor.finding import Finding
from pipeline.paths import OutputPaths

_SUBJECT = "serving"
_GRAPH = "saved_model.pb"


def check_serving(paths: OutputPaths) -> list[Finding]:
    """Whether every pushed version is complete and as it was exported."""
    versions = paths.versions()
    found = [_version(paths.serving / str(number), number == versions[-1]) for number in versions]
    if not versions:
        found.append(Finding(_SUBJECT, "ok", f"no version was pushed to {paths.serving} yet"))
    if paths.serving.is_dir():
        found += [
            Finding(
                _SUBJECT,
                "note",
                f"{entry} is what a push that was killed has left",
                "none is needed: the next push removes it",
            )
            for entry in sorted(paths.serving.iterdir())
            if entry.name.endswith(INCOMPLETE)
        ]
    return found


def _version(folder: Path, current: bool) -> Finding:
    remedy = "go back to another version with runner.py rollback"
    if not current:
        remedy = f"remove {folder}"
    problem = _problem(folder)
    if problem:
        return Finding(_SUBJECT, "error", f"version {folder.name} {problem}", remedy)
    state = "the current one, " if current else ""
    return Finding(_SUBJECT, "ok", f"version {folder.name}, {state}is as it was exported")


def _problem(folder: Path) -> str:
    """What is wrong with the files of a version; empty where nothing is."""
    if not (folder / _GRAPH).is_file():
        return f"has no {_GRAPH}"
    try:
        files: dict[str, str] = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    except FileNotFoundError:
        return f"has no {MANIFEST}"
    except (ValueError, KeyError, TypeError) as error:
        return f"has a {MANIFEST} that cannot be read: {error}"
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        return f"lacks {', '.join(missing)}"
    changed = [name for name, checksum in files.items() if _sha256(folder / name) != checksum]
    return f"has other contents than at its export in {', '.join(changed)}" if changed else ""


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
