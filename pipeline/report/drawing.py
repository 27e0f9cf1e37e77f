"""The lineage as a drawing: layers from the data at the top to the pushed model at the bottom."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import networkx as nx

from pipeline.lineage.graph import Artifact, Execution, Lineage
from pipeline.report.layout import Layout, lay_out

_MOST_LETTERS = 20


@dataclasses.dataclass(frozen=True)
class Node:
    """A box.

    Attributes:
        name: Its id in the page.
        kind: `artifact`, `execution`, `baseline` or `target`.
        label: What is written in it.
        x: Left edge in pixels.
        y: Upper edge in pixels.
        facts: Everything that is recorded of it, by name.
    """

    name: str
    kind: str
    label: str
    x: float
    y: float
    facts: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Boxes and the curves between them.

    Attributes:
        width: Pixels.
        height: Pixels.
        nodes: The boxes.
        curves: SVG path and kind of each curve.
        first: Name of the box whose facts are shown first.
    """

    width: int
    height: int
    nodes: list[Node]
    curves: list[tuple[str, str]]
    first: str


def draw(lineage: Lineage) -> Drawing:
    """Places every artifact and execution of a lineage."""
    graph = nx.DiGraph()
    for edge in lineage.edges:
        artifact, execution = _artifact_name(edge.artifact), _execution_name(edge.execution)
        if edge.kind in ("input", "baseline"):
            graph.add_edge(artifact, execution, kind=edge.kind)
        elif edge.kind == "output":
            graph.add_edge(execution, artifact, kind=edge.kind, key=edge.key)
    layout = lay_out(graph)
    nodes = [
        *(
            _execution_node(e, layout.places[_execution_name(e.id)])
            for e in lineage.executions.values()
        ),
        *(
            _artifact_node(lineage, artifact, layout.places[_artifact_name(artifact.id)])
            for artifact in lineage.artifacts.values()
        ),
    ]
    curves = [(_curve(layout, path), kind) for path, kind in layout.paths]
    return Drawing(layout.width, layout.height, nodes, curves, _artifact_name(lineage.target))


def _curve(layout: Layout, path: list[str]) -> str:
    """From one box to another; straight down where it passes between boxes."""
    x1, y1 = layout.bottom(path[0])
    drawn = f"M{x1:g},{y1:g}"
    for node in path[1:]:
        x2, y2 = layout.top(node)
        bend = (y2 - y1) / 2
        drawn += f" C{x1:g},{y1 + bend:g} {x2:g},{y2 - bend:g} {x2:g},{y2:g}"
        x1, y1 = layout.bottom(node)
        if node != path[-1]:
            drawn += f" V{y1:g}"
    return drawn


def _execution_node(execution: Execution, place: tuple[float, float]) -> Node:
    facts = {
        "execution": str(execution.id),
        "component": execution.node,
        "type": execution.type,
        "state": execution.state,
        "began": execution.began_at.isoformat(" ", "seconds"),
        "seconds": f"{(execution.ended_at - execution.began_at).total_seconds():.1f}",
        **_texts(execution.properties),
    }
    return Node(
        _execution_name(execution.id), "execution", _label(execution.node), *place, facts=facts
    )


def _artifact_node(lineage: Lineage, artifact: Artifact, place: tuple[float, float]) -> Node:
    producer = lineage.producer(artifact.id)
    facts = {
        "artifact": str(artifact.id),
        "type": artifact.type,
        "path": artifact.uri,
        "made by": f"{producer.node}, execution {producer.id}" if producer else "an earlier run",
        "made at": artifact.created_at.isoformat(" ", "seconds"),
        "state": artifact.state,
        "from the cache": "yes" if artifact.id in lineage.from_cache else "",
        **_texts(artifact.properties),
    }
    kind = "artifact"
    if artifact.id == lineage.target:
        kind = "target"
    elif artifact.id in lineage.baselines:
        kind = "baseline"
    keys = [e.key for e in lineage.edges if e.artifact == artifact.id and e.kind == "output"]
    label = f"{keys[0].replace('_', ' ') if keys else artifact.type} {artifact.id}"
    return Node(_artifact_name(artifact.id), kind, _label(label), *place, facts=facts)


def _texts(properties: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in properties.items()
    }


def _label(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _artifact_name(identity: int) -> str:
    return f"a{identity}"


def _execution_name(identity: int) -> str:
    return f"e{identity}"
