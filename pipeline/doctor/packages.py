"""Checks of what is installed against what the lock files say."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from pipeline.doctor.finding import Finding

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_MOST_NAMED = 5
_SET_UP = "make the environment again with make setup"


def installed_versions() -> dict[str, str]:
    """Version of each installed package, by its normal name."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        # The first counts: setuptools adds the copies that it brings along to the end of the path.
        found.setdefault(normal_name(distribution.metadata["Name"]), distribution.version)
    return found


def check_lock(lock: Path, project: Path, installed: Mapping[str, str]) -> Finding:
    """Whether what is installed is what a lock file pins.

    Args:
        lock: The lock file.
        project: The project's `pyproject.toml`: without what it asks for, nothing works.
        installed: Version of each installed package, by its normal name.
    """
    if not lock.is_file():
        return Finding("packages", "warning", f"{lock} is missing", "restore it with git checkout")
    pinned = {normal_name(name): version for name, version in _PIN.findall(lock.read_text())}
    requirements = [Requirement(text) for text in _project(project)["dependencies"]]
    asked = {
        normal_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }
    missing = [name for name in pinned if name not in installed]
    needed = [name for name in missing if name in asked]
    if needed:
        return Finding("packages", "error", f"{_listed(needed)} not installed", _SET_UP)
    others = [
        f"{name} is {installed[name]} instead of {version}"
        for name, version in pinned.items()
        if name in installed and installed[name] != version
    ]
    differences = others + [f"{name} is not installed" for name in missing]
    if differences:
        sentence = f"{len(differences)} of {len(pinned)} packages are not those of {lock.name}: "
        shown = "; ".join(differences[:_MOST_NAMED])
        more = len(differences) - _MOST_NAMED
        return Finding(
            "packages",
            "warning",
            sentence + shown + (f"; {more} more" if more > 0 else ""),
            _SET_UP,
        )
    return Finding("packages", "ok", f"all {len(pinned)} packages are those of {lock.name}")


def check_extras(project: Path, installed: Mapping[str, str]) -> list[Finding]:
    """Which optional extras can be used.

    Args:
        project: The project's `pyproject.toml`.
        installed: Version of each installed package, by its normal name.
    """
    return [
        _extra(name, [Requirement(text) for text in texts], installed)
        for name, texts in _project(project)["optional-dependencies"].items()
    ]


def normal_name(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _extra(name: str, asked: list[Requirement], installed: Mapping[str, str]) -> Finding:
    subject = f"extra {name}"
    fitting = [item for item in asked if item.marker is None or item.marker.evaluate()]
    if not fitting:
        return Finding(subject, "note", "not for this Python")
    missing = [item.name for item in fitting if normal_name(item.name) not in installed]
    if missing:
        return Finding(
            subject,
            "note",
            f"{_listed(missing)} not installed",
            f"pip install '.[{name}]', if needed",
        )
    for item in fitting:
        version = installed[normal_name(item.name)]
        # Not every range of ours is as narrow as what the package itself was built against.
        for wanted in [item, *_built_against(item.name)]:
            found = installed.get(normal_name(wanted.name), "")
            if found and not wanted.specifier.contains(found, prereleases=True):
                return Finding(
                    subject,
                    "warning",
                    f"{item.name} {version} needs {wanted.name}{wanted.specifier}, and {found} is"
                    " installed",
                    f"pip install '.[{name}]'",
                )
    versions = ", ".join(f"{item.name} {installed[normal_name(item.name)]}" for item in fitting)
    return Finding(subject, "ok", versions)


def _built_against(name: str) -> list[Requirement]:
    """What an installed package asks of TensorFlow."""
    try:
        asked = [Requirement(text) for text in metadata.requires(name) or []]
    except metadata.PackageNotFoundError:
        return []
    return [
        item
        for item in asked
        if item.name == "tensorflow" and (item.marker is None or item.marker.evaluate())
    ]


def _project(file: Path) -> Mapping[str, Any]:
    table: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    return table


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
