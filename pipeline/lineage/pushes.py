"""What became of a pushed model, and of its neighbours."""

from __future__ import annotations

from typing import Any

from components.pusher.pushed_model import (
    OUTCOME,
    PUSHED_DESTINATION,
    PUSHED_VERSION,
    ROLLED_BACK_FROM,
    ROLLED_BACK_TO,
    TREE_SHA256,
)
from pipeline.lineage.graph import Artifact, Lineage
from pipeline.lineage.store import LineageStore
from pipeline.version_records import PUSHED_MODEL


def push_section(store: LineageStore, lineage: Lineage) -> dict[str, Any]:
    """The section `push` of a story; empty where the target is neither pushed nor was to be.

    Args:
        store: The store.
        lineage: Lineage of the target.
    """
    target = _pushed(lineage)
    if target is None:
        return {}
    values = target.properties
    section = {
        "artifact": target.id,
        "outcome": values.get(OUTCOME),
        "pushed_at": _time(target),
    }
    if PUSHED_VERSION not in values:
        return section
    version = int(values[PUSHED_VERSION])
    numbers = sorted(store.versions)
    record = store.versions[version]
    return {
        **section,
        "version": version,
        "current": version == max(store.paths.versions(), default=None),
        "pushed_at": record.pushed_at.isoformat(timespec="seconds"),
        "path": values[PUSHED_DESTINATION],
        "sha256": values.get(TREE_SHA256),
        "before": max((n for n in numbers if n < version), default=None),
        "after": min((n for n in numbers if n > version), default=None),
        "republication_of": record.republication_of,
        "removed_at": record.removed_at,
        "rollbacks": _rollbacks(store, version),
    }


def _rollbacks(store: LineageStore, version: int) -> list[dict[str, Any]]:
    """The rollbacks that a version was part of, oldest first."""
    found = []
    for number in sorted(store.versions):
        made = store.versions[number].artifacts[0]
        parts = [made.properties.get(name) for name in (ROLLED_BACK_TO, ROLLED_BACK_FROM)]
        if parts[0] is not None and version in (number, *parts):
            names = ("version", "rolled_back_to", "rolled_back_from", "at")
            found.append(dict(zip(names, (number, *parts, _time(made)), strict=True)))
    return found


def _pushed(lineage: Lineage) -> Artifact | None:
    """The target itself, or what became of it."""
    target = lineage.artifacts[lineage.target]
    if target.type == PUSHED_MODEL:
        return target
    found = lineage.of_type(PUSHED_MODEL)
    return found[0] if found else None


def _time(artifact: Artifact) -> str:
    return artifact.created_at.isoformat(timespec="seconds")
