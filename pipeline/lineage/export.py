"""A lineage for other programs: as JSON values, and as a graph in Graphviz's language."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from components.provenance.files import bytes_on_disk
from pipeline.lineage.graph import Artifact, Execution, Lineage
from pipeline.lineage.places import short_place


def lineage_json(lineage: Lineage) -> dict[str, Any]:
    """The graph as JSON values.

    Returns:
        `target`, an id; `run`; `artifacts`, each with its fields, `bytes` on disk (null if gone),
        `made_by` (an execution's id, or null), `baseline`, and `from_cache` (whether the run had
        it from the cache); `executions`; and `edges`, each with `execution`, `artifact`, `kind`
        and `key`.
    """
    return {
        "target": lineage.target,
        "run": lineage.run,
        "artifacts": [
            {
                **_plain(artifact),
                "bytes": bytes_on_disk(artifact.uri),
                "made_by": lineage.producers.get(identity),
                "baseline": identity in lineage.baselines,
                "from_cache": identity in lineage.from_cache,
            }
            for identity, artifact in sorted(lineage.artifacts.items())
        ],
        "executions": [_plain(found) for _, found in sorted(lineage.executions.items())],
        "edges": [dataclasses.asdict(edge) for edge in lineage.edges],
    }


def lineage_dot(lineage: Lineage, output: Path) -> str:
    """The graph as Graphviz draws it: artifacts as boxes, executions as ellipses.

    Args:
        lineage: The lineage.
        output: The output folder; places in it are told from there on.
    """
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for identity, artifact in sorted(lineage.artifacts.items()):
        label = f"#{identity} {artifact.type}\n{short_place(artifact.uri, output)}"
        style = "dashed" if identity in lineage.baselines else "solid"
        if identity == lineage.target:
            style = "bold"
        lines.append(f"  a{identity} [shape=box, style={style}, label={_quoted(label)}];")
    for identity, execution in sorted(lineage.executions.items()):
        label = f"{execution.node}\nexecution {identity}"
        lines.append(f"  e{identity} [shape=ellipse, label={_quoted(label)}];")
    for edge in lineage.edges:
        ends = (f"a{edge.artifact}", f"e{edge.execution}")
        one, other = reversed(ends) if edge.kind == "output" else ends
        style = ", style=dashed" if edge.kind == "baseline" else ""
        lines.append(f"  {one} -> {other} [label={_quoted(edge.key)}{style}];")
    return "\n".join([*lines, "}"])


def _plain(found: Artifact | Execution) -> dict[str, Any]:
    values = dataclasses.asdict(found)
    for name in ("created_at", "began_at", "ended_at"):
        if name in values:
            values[name] = values[name].isoformat(timespec="milliseconds")
    return values


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
