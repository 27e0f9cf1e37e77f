"""Recomputes the checksums of what lies on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

from components.provenance.files import digest
from components.provenance.names import FILES_SHA256
from components.pusher.pushed_model import (
    OUTCOME,
    OUTCOME_PUSHED,
    OUTCOME_ROLLED_BACK,
    PUSHED_DESTINATION,
    REMOVED_AT,
    TREE_SHA256,
)
from pipeline.lineage.graph import Artifact

Outcome = Literal["intact", "changed", "gone", "pruned", "unreadable", "unrecorded"]
# What is not as it was recorded; pruned versions were removed on purpose.
DAMAGED: tuple[Outcome, ...] = ("changed", "gone", "unreadable")
_LIVE = "LIVE"


@dataclasses.dataclass(frozen=True)
class Verified:
    """What became of one folder.

    Attributes:
        artifact: Id of the artifact that recorded it.
        type: Type of that artifact.
        place: The folder: the artifact's own, or where a model was pushed to.
        outcome: `intact`; `changed`; `gone`; `pruned`, which is gone on purpose; `unreadable`; or
            `unrecorded`, where there is no checksum to compare with.
    """

    artifact: int
    type: str
    place: str
    outcome: Outcome


def verify(artifacts: Iterable[Artifact]) -> Iterator[Verified]:
    """Compares the files of artifacts with the checksums that were recorded when they were made.

    Artifacts that are not live are passed over: a run that was killed left them.

    Args:
        artifacts: The artifacts; each place is looked at once.
    """
    seen = set()
    for artifact in artifacts:
        if artifact.state != _LIVE:
            continue
        for place, checksum in _recorded(artifact):
            if place not in seen:
                seen.add(place)
                is_pruned = REMOVED_AT in artifact.properties
                outcome = _outcome(place, checksum, is_pruned)
                yield Verified(artifact.id, artifact.type, place, outcome)


def _recorded(artifact: Artifact) -> Iterator[tuple[str, str | None]]:
    """The places that an artifact speaks for, with their checksums."""
    values = artifact.properties
    outcome = values.get(OUTCOME)
    if outcome != OUTCOME_ROLLED_BACK:  # its own place is the one it was pushed to
        yield artifact.uri, values.get(FILES_SHA256)
    if outcome in (OUTCOME_PUSHED, OUTCOME_ROLLED_BACK):
        yield values[PUSHED_DESTINATION], values.get(TREE_SHA256)


def _outcome(place: str, checksum: str | None, is_pruned: bool) -> Outcome:
    try:
        found = digest(place).sha256
    except FileNotFoundError:
        return "pruned" if is_pruned else "gone"
    except OSError:
        return "unreadable"
    if checksum is None:
        return "unrecorded"
    return "intact" if found == checksum else "changed"
