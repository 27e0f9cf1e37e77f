"""Every model that rests on an artifact, pushed or not."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table

from components.pusher.pushed_model import PUSHED_VERSION
from pipeline.lineage.graph import Artifact, Lineage
from pipeline.lineage.walk import MODEL
from pipeline.version_records import PUSHED_MODEL

_BLESSING = "ModelBlessing"
# Names of the inputs by which a model is judged and pushed, and a pushed one rolled back to.
_CANDIDATE = "model"
_PUSHED = "pushed_model"


@dataclasses.dataclass(frozen=True)
class RestingModel:
    """A model that was made from an artifact.

    Attributes:
        id: Id of its artifact.
        node: The component that made it.
        uri: Where it is.
        made_at: When it was recorded, UTC.
        blessed: What the gate said of it when it was last asked; None where it never was.
        versions: The versions that it was pushed as, rollbacks included, oldest first.
    """

    id: int
    node: str
    uri: str
    made_at: datetime
    blessed: bool | None
    versions: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it by name."""
        made_at = self.made_at.isoformat(timespec="milliseconds")
        return {**dataclasses.asdict(self), "made_at": made_at}


def resting_models(lineage: Lineage) -> list[RestingModel]:
    """The models of a downstream lineage, the target included where it is one; oldest first.

    Args:
        lineage: What `walk.downstream` found.
    """
    given = _given_by_takers(lineage)
    found = []
    for model in lineage.of_type(MODEL):
        said = given[model.id, _CANDIDATE]
        judged = [a.properties["blessed"] for a in said if a.type == _BLESSING]
        pushed = [artifact for artifact in said if artifact.type == PUSHED_MODEL]
        for artifact in pushed:  # it grows by what was rolled back to
            pushed += given[artifact.id, _PUSHED]
        recorded = (artifact.properties.get(PUSHED_VERSION) for artifact in pushed)
        producer = lineage.producer(model.id)
        found.append(
            RestingModel(
                id=model.id,
                node=producer.node if producer else "",
                uri=model.uri,
                made_at=model.created_at,
                blessed=bool(judged[-1]) if judged else None,
                versions=tuple(sorted({int(number) for number in recorded if number})),
            )
        )
    return found


def _given_by_takers(lineage: Lineage) -> dict[tuple[int, str], list[Artifact]]:
    """What those gave that took an artifact under a name, oldest first; by its id and that name."""
    outputs: dict[int, set[int]] = defaultdict(set)
    for edge in lineage.edges:
        if edge.kind == "output":
            outputs[edge.execution].add(edge.artifact)
    given: dict[tuple[int, str], set[int]] = defaultdict(set)
    for edge in lineage.edges:
        if edge.kind == "input":
            given[edge.artifact, edge.key] |= outputs[edge.execution]
    found: dict[tuple[int, str], list[Artifact]] = defaultdict(list)
    for taken, artifacts in given.items():
        found[taken] = [lineage.artifacts[identity] for identity in sorted(artifacts)]
    return found


def models_table(models: list[RestingModel]) -> Table:
    """A row per model."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for header in ("model", "made by", "at (UTC)", "blessed", "pushed as"):
        table.add_column(header)
    for model in models:
        blessed = {True: "yes", False: "no", None: "-"}[model.blessed]
        pushed = ", ".join(map(str, model.versions)) or "-"
        when = f"{model.made_at:%Y-%m-%d %H:%M}"
        table.add_row(f"#{model.id}", model.node, when, blessed, pushed)
    return table
