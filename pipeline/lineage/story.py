"""What is recorded of an artifact's lineage, by topic and as plain values.

`Story.sections` is ready for JSON. It has the sections that the lineage has something for, among

- `push`: `artifact` (its id) and `outcome`; where it was pushed `version`, `current`, `pushed_at`,
  `path`, `sha256`, `before` and `after` (the versions pushed before and after it),
  `republication_of`, `removed_at`, and `rollbacks` that had a part in it, each with `version` (the
  new one), `rolled_back_to`, `rolled_back_from` and `at`
- `data`: `source`, `source_description`, `source_sha256`, `layout`, `span`, `rows` by split,
  `queries`, `candidates`, `split` (its method, seed and fractions)
- `statistics` and `anomalies`: by node, the splits that were looked at; and what was found in each
- `schemas`: SHA-256 by node
- `vocabularies`: number of terms by name
- `configuration`: `preset`, `changes` (dotted key: the preset's value and the one of the run) and
  `values` by section and key
- `training`: `hyperparameters`, `epochs`, `seconds`, `curve_end` (last value of each logged figure)
  and `curve` (value per epoch)
- `code`: `git_commit` and `git_modified` of the process that made the model, and `components`, by
  node: `code_version`, and the commit where it was another
- `packages`: `stack`, and the versions of Python and the packages in that process
- `metrics`: `model`, `intervals`, `baseline`, `peers`, each by metric, and `slices`
- `gate`: `blessed`, `reasons` and `baseline` (the id of the model that it was compared with)
- `infra_validation`: `blessed` and `reasons`
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from components.provenance.names import (
    FIT_SECONDS,
    GIT_COMMIT,
    GIT_MODIFIED,
    PACKAGE_VERSIONS,
    TRAINING_CURVE,
    VOCABULARIES,
)
from components.pusher.pushed_model import CONFIG
from pipeline.lineage.graph import Artifact, Lineage
from pipeline.lineage.pushes import push_section
from pipeline.lineage.store import LineageStore
from pipeline.lineage.walk import MODEL
from pipeline.stack import stack_of

_ROWS = "rows_"
_CANDIDATE = "model"
_EXAMPLES = "examples"
_CANDIDATES = "candidates"

Section = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Story:
    """Everything that is recorded of an artifact's lineage.

    Attributes:
        target: The artifact.
        lineage: What it was made from.
        model: The model that it is about; None where it is about data.
        sections: What is recorded by topic, see this module; a topic without a record is missing.
    """

    target: Artifact
    lineage: Lineage
    model: Artifact | None
    sections: Mapping[str, Section]


def tell(store: LineageStore, target: Artifact) -> Story:
    """The story of an artifact.

    Args:
        store: The store that it is in.
        target: The artifact.
    """
    lineage = store.upstream(target)
    model = _model(lineage)
    sections = {
        "push": push_section(store, lineage),
        "data": _data(lineage),
        "statistics": _splits(lineage, "ExampleStatistics"),
        "anomalies": _anomalies(lineage),
        "schemas": _schemas(lineage),
        "vocabularies": _vocabularies(lineage),
        "configuration": _configuration(lineage),
        "training": _training(lineage, model),
        "code": _code(lineage, model or target),
        "packages": _packages(model or target),
        "metrics": _metrics(lineage, model),
        "gate": _gate(lineage),
        "infra_validation": _judgement(lineage, "InfraBlessing"),
    }
    return Story(target, lineage, model, {name: found for name, found in sections.items() if found})


def _model(lineage: Lineage) -> Artifact | None:
    """The target, or the one model that was evaluated, validated or pushed as the candidate."""
    target = lineage.artifacts[lineage.target]
    if target.type == MODEL:
        return target
    taken = {e.artifact for e in lineage.edges if e.kind == "input" and e.key == _CANDIDATE}
    return lineage.artifacts[taken.pop()] if len(taken) == 1 else None


def _given(lineage: Lineage, artifact_type: str, key: str) -> Artifact | None:
    """The newest artifact of a type that was given under a name."""
    keys = {edge.artifact: edge.key for edge in lineage.edges if edge.kind == "output"}
    found = [a for a in lineage.of_type(artifact_type) if keys.get(a.id) == key]
    return found[-1] if found else None


def _data(lineage: Lineage) -> Section:
    examples = _given(lineage, "Examples", _EXAMPLES)
    if examples is None:
        return {}
    values = examples.properties
    candidates = _given(lineage, "Examples", _CANDIDATES)
    section = {
        name: values[name]
        for name in ("source", "source_description", "source_sha256", "layout", "span", "queries")
        if name in values
    }
    splits = json.loads(values.get("split_names", "[]"))
    section["rows"] = {s: values[_ROWS + s] for s in splits if _ROWS + s in values}
    if candidates is not None:
        section["candidates"] = candidates.properties.get("rows")
    if "split" in values:
        section["split"] = json.loads(values["split"])
    return section


def _splits(lineage: Lineage, artifact_type: str) -> Section:
    return {
        _node(lineage, artifact): json.loads(artifact.properties.get("split_names", "[]"))
        for artifact in lineage.of_type(artifact_type)
    }


def _anomalies(lineage: Lineage) -> Section:
    """By node and split, whether TFX's validator found none."""
    return {
        _node(lineage, artifact): {
            split: "none" if blessed else "found"
            for split, blessed in sorted(artifact.properties.get("blessed", {}).items())
        }
        for artifact in lineage.of_type("ExampleAnomalies")
    }


def _schemas(lineage: Lineage) -> Section:
    found = {}
    for artifact in lineage.of_type("Schema"):
        producer = lineage.producer(artifact.id)
        if producer is not None and "schema_sha256" in producer.properties:
            found[producer.node] = producer.properties["schema_sha256"]
    return found


def _vocabularies(lineage: Lineage) -> Section:
    found: Section = {}
    for artifact in lineage.of_type("TransformGraph"):
        found |= json.loads(artifact.properties.get(VOCABULARIES, "{}"))
    return found


def _configuration(lineage: Lineage) -> Section:
    """Of the push; a republication has that of what it is again."""
    for artifact in reversed(lineage.of_type("PushedModel")):
        if CONFIG in artifact.properties:
            section: Section = json.loads(artifact.properties[CONFIG])
            return section
    return {}


def _training(lineage: Lineage, model: Artifact | None) -> Section:
    if model is None:
        return {}
    producer = lineage.producers.get(model.id)
    section: Section = {}
    if "hyperparameters" in model.properties:
        section["hyperparameters"] = json.loads(model.properties["hyperparameters"])
    if "epochs" in model.properties:
        section["epochs"] = model.properties["epochs"]
    for run in lineage.of_type("ModelRun"):
        if lineage.producers.get(run.id) == producer and TRAINING_CURVE in run.properties:
            curve = json.loads(run.properties[TRAINING_CURVE])
            section["seconds"] = run.properties[FIT_SECONDS]
            section["curve_end"] = {name: values[-1] for name, values in curve.items()}
            section["curve"] = curve
    return section


def _code(lineage: Lineage, about: Artifact) -> Section:
    section = {n: about.properties[n] for n in (GIT_COMMIT, GIT_MODIFIED) if n in about.properties}
    if GIT_MODIFIED in section:
        section[GIT_MODIFIED] = bool(section[GIT_MODIFIED])
    components: Section = {}
    for identity, execution in sorted(lineage.producers.items()):
        producer, values = lineage.executions[execution], lineage.artifacts[identity].properties
        found = {}
        if "code_version" in producer.properties:
            found["code_version"] = producer.properties["code_version"]
        if values.get(GIT_COMMIT) != about.properties.get(GIT_COMMIT):
            found[GIT_COMMIT] = values.get(GIT_COMMIT)
        if found:
            components[producer.node] = found
    return {**section, "components": components} if section or components else {}


def _packages(about: Artifact) -> Section:
    if PACKAGE_VERSIONS not in about.properties:
        return {}
    versions = json.loads(about.properties[PACKAGE_VERSIONS])
    return {"stack": stack_of(versions["tfx"]), **versions}


def _metrics(lineage: Lineage, model: Artifact | None) -> Section:
    """Of the evaluation that took the model as its candidate, or the one that is the target."""
    for artifact in lineage.of_type("ModelEvaluation"):
        producer = lineage.producers.get(artifact.id, 0)
        takes = {edge.artifact for edge in lineage.inputs(producer) if edge.key == _CANDIDATE}
        if model is not None and model.id in takes:
            names = {
                "model": "metrics",
                **{n: n for n in ("intervals", "baseline", "peers", "slices")},
            }
            return {
                name: json.loads(artifact.properties[recorded])
                for name, recorded in names.items()
                if recorded in artifact.properties
            }
    return {}


def _gate(lineage: Lineage) -> Section:
    section = _judgement(lineage, "ModelBlessing")
    compared = sorted(e.artifact for e in lineage.edges if e.kind == "baseline")
    if section and compared:
        section["baseline"] = compared[0]
    return section


def _judgement(lineage: Lineage, artifact_type: str) -> Section:
    found = lineage.of_type(artifact_type)
    if not found:
        return {}
    values = found[-1].properties
    return {"blessed": bool(values["blessed"]), "reasons": json.loads(values.get("reasons", "[]"))}


def _node(lineage: Lineage, artifact: Artifact) -> str:
    producer = lineage.producer(artifact.id)
    return producer.node if producer is not None else f"#{artifact.id}"
