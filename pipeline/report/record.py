"""Writes a report beside the artifacts and records it in ML Metadata, once per model judged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.provenance.files import digest
from components.provenance.names import FILES_BYTES, FILES_SHA256
from pipeline.lineage.graph import Artifact
from pipeline.lineage.reading import PIPELINE_CONTEXT, MetadataReader
from pipeline.metadata_store import open_store
from pipeline.paths import OutputPaths
from pipeline.report.facts import Facts

REPORT = "Report"
_CHANNEL = "report"
_FILE = "report.html"
# Of the artifact: what was reported on, and by which code, in one checksum.
_MADE_FROM = "made_from"
_HERE = Path(__file__).parent
# What is reported on, besides what became of it: the model, what was said of it, and the data.
_READ = (
    "Model",
    "ModelRun",
    "ModelEvaluation",
    "ModelBlessing",
    "InfraBlessing",
    "Examples",
    "ExampleStatistics",
)


def recorded_report(paths: OutputPaths, facts: Facts, users: int) -> Path | None:
    """A report that was made from the same by the same code; None where there is none.

    Args:
        paths: Output folder of the runs.
        facts: What is recorded of the model.
        users: How many example users it shows.
    """
    wanted = _made_from(facts, users)
    reader = MetadataReader(open_store(paths.metadata))
    for artifact in reversed(reader.artifacts_of_type(REPORT)):
        file = Path(artifact.uri) / _FILE
        if artifact.properties.get(_MADE_FROM) == wanted and file.is_file():
            return file
    return None


def write_report(paths: OutputPaths, facts: Facts, users: int, html: str) -> Path:
    """Writes a report and records it; one on the same model, if there is one, is replaced.

    Args:
        paths: Output folder of the runs, which no other process works on.
        facts: What it was made from.
        users: How many example users it shows.
        html: The report.
    """
    folder = Path(paths.artifacts) / REPORT / _CHANNEL / str(facts.target.id)
    write_file(folder / _FILE, html)
    store = open_store(paths.metadata, writable=True)
    earlier = store.get_artifacts_by_uri(str(folder))
    artifact = earlier[0] if earlier else metadata_store_pb2.Artifact(uri=str(folder))
    artifact.type_id = store.put_artifact_type(metadata_store_pb2.ArtifactType(name=REPORT))
    artifact.state = metadata_store_pb2.Artifact.LIVE
    artifact.custom_properties[_MADE_FROM].string_value = _made_from(facts, users)
    written = digest(str(folder))
    artifact.custom_properties[FILES_SHA256].string_value = written.sha256
    artifact.custom_properties[FILES_BYTES].int_value = written.size
    if facts.version is not None:
        artifact.custom_properties["version"].string_value = facts.version
    execution_type = metadata_store_pb2.ExecutionType(name=REPORT)
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(execution_type),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    events = [
        (read, _event(metadata_store_pb2.Event.INPUT, read.type, place))
        for place, read in enumerate(store.get_artifacts_by_id([a.id for a in _read(facts)]))
    ]
    events.append((artifact, _event(metadata_store_pb2.Event.OUTPUT, _CHANNEL, 0)))
    contexts = store.get_contexts_by_artifact(facts.target.id)
    pipelines = [context for context in contexts if context.type == PIPELINE_CONTEXT]
    store.put_execution(execution, events, pipelines)
    return folder / _FILE


def write_file(file: Path, html: str) -> None:
    """Writes a page; it appears under its name only when it is complete."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.incomplete")
    unfinished.write_text(html, encoding="utf-8")
    unfinished.replace(file)


def _read(facts: Facts) -> list[Artifact]:
    """The artifacts that a report is made from, by id."""
    return [
        artifact
        for identity, artifact in sorted(facts.lineage.artifacts.items())
        if artifact.type in _READ or identity == facts.target.id
    ]


def _made_from(facts: Facts, users: int) -> str:
    # A run that finds the model unchanged has another `PushedModel` of the same version.
    read = [artifact.id for artifact in _read(facts) if artifact.id != facts.target.id]
    baselines = sorted(facts.lineage.baselines)
    digest = hashlib.sha256(json.dumps([read, baselines, facts.version, users]).encode())
    for file in sorted(_HERE.rglob("*")):
        if file.suffix in (".py", ".html"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _event(event_type: int, key: str, place: int) -> metadata_store_pb2.Event:
    event = metadata_store_pb2.Event(type=event_type)
    event.path.steps.add().key = key
    event.path.steps.add().index = place
    return event
