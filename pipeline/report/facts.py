"""What a report is made from: what is recorded of a model, and what was made on the way to it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from components.serving.interface import MANIFEST
from pipeline.component_record import ComponentRecord, OutputArtifact
from pipeline.failure import OutputError
from pipeline.lineage.graph import Artifact, Lineage
from pipeline.lineage.store import LineageStore
from pipeline.verdict import Verdict, judge

PUSHED_MODEL, MODEL = "PushedModel", "Model"
_SAVED_MODEL = "Format-Serving"
_CURVE = "training_curve.json"


@dataclasses.dataclass(frozen=True)
class Duration:
    """How long a component took.

    Attributes:
        component: Its id.
        seconds: What it took when it ran.
        cached: Whether the run had its outputs from the cache.
    """

    component: str
    seconds: float
    cached: bool


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is recorded of a model.

    Attributes:
        lineage: Of what became of the model, an artifact of the type `PushedModel`.
        components: What each component on the way to it gave out, by its id.
        verdict: What became of it, and why.
        baseline: The same components of the model that it was compared with; None for none.
    """

    lineage: Lineage
    components: Mapping[str, ComponentRecord]
    verdict: Verdict
    baseline: Mapping[str, ComponentRecord] | None

    @classmethod
    def of(cls, store: LineageStore, target: Artifact) -> Facts:
        """Facts of a model.

        Args:
            store: What is recorded.
            target: What became of it, see `judged`.
        """
        lineage = store.upstream(target)
        components = _components(lineage)
        baseline = None
        for identity in lineage.baselines:
            if lineage.artifacts[identity].type == MODEL:
                baseline = _components(store.upstream(lineage.artifacts[identity]))
        return cls(lineage, components, judge(components), baseline)

    @property
    def target(self) -> Artifact:
        """The `PushedModel`."""
        return self.lineage.artifacts[self.lineage.target]

    @property
    def model(self) -> Artifact:
        """The model itself."""
        [edge] = (
            e
            for e in self.lineage.edges
            if e.kind == "output"
            and e.key == "model"
            and self.lineage.executions[e.execution].node == "Trainer"
        )
        return self.lineage.artifacts[edge.artifact]

    @property
    def version(self) -> str | None:
        """Version that it was pushed as, or found to be served as; None where it was refused."""
        return self.target.properties.get("pushed_version")

    @property
    def made_at(self) -> datetime:
        """When it was judged, UTC."""
        return self.target.created_at

    @property
    def saved_model(self) -> Path:
        """The SavedModel as the Trainer exported it."""
        return Path(self.output("Trainer", "model").uri) / _SAVED_MODEL

    def output(self, component: str, name: str) -> OutputArtifact:
        """What a component gave out.

        Args:
            component: Id of the component.
            name: Name of the output.
        """
        return self.components[component].outputs[name]

    def values(self, component: str, name: str, value: str) -> Any:
        """What a component recorded as JSON on what it gave out; empty where it did not."""
        return json.loads(self.output(component, name).values.get(value, "{}"))

    def manifest(self) -> dict[str, Any]:
        """What the SavedModel says about itself."""
        found: dict[str, Any] = json.loads((self.saved_model / MANIFEST).read_text("utf-8"))
        return found

    def training_curve(self) -> dict[str, list[float]]:
        """Value per epoch of each figure that the Trainer logged."""
        folder = Path(self.output("Trainer", "model_run").uri)
        found: dict[str, list[float]] = json.loads((folder / _CURVE).read_text("utf-8"))
        return found

    def durations(self) -> list[Duration]:
        """How long each component took, in the order in which they ran."""
        return [
            Duration(
                execution.node,
                (execution.ended_at - execution.began_at).total_seconds(),
                self.components[execution.node].cached,
            )
            for execution in sorted(self.lineage.executions.values(), key=lambda e: e.id)
        ]


def judged(store: LineageStore, name: str | None) -> Artifact:
    """What became of a model, an artifact of the type `PushedModel`.

    Args:
        store: What is recorded.
        name: A pushed version; or id or path of an artifact, which may be a model that was not
            pushed; None for the version that is served.

    Raises:
        OutputError: There is none, or no run has judged it.
    """
    found = store.find(name)
    if found.type == PUSHED_MODEL:
        return found
    known = store.downstream(found).of_type(PUSHED_MODEL) if found.type == MODEL else []
    if not known:
        raise OutputError(
            f"{name} is {found.type} {found.id}, not a model that a run has judged: name a pushed"
            " version, or the id of the model of a run."
        )
    return known[0]


def _components(lineage: Lineage) -> dict[str, ComponentRecord]:
    return {
        execution.node: ComponentRecord(
            succeeded=True,
            cached=any(edge.artifact in lineage.from_cache for edge in lineage.outputs(identity)),
            outputs={
                edge.key: OutputArtifact(
                    lineage.artifacts[edge.artifact].uri,
                    lineage.artifacts[edge.artifact].properties,
                )
                for edge in lineage.outputs(identity)
            },
        )
        for identity, execution in lineage.executions.items()
    }
