"""A story as a tree for people: by topic, each artifact once, with what made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.filesize import decimal
from rich.text import Text
from rich.tree import Tree

from components.files import is_remote
from components.provenance.files import bytes_on_disk
from components.provenance.names import FILES_BYTES, GIT_COMMIT, GIT_MODIFIED
from components.pusher.pushed_model import OUTCOME_NOT_BLESSED
from pipeline.lineage.graph import Artifact
from pipeline.lineage.places import short_place
from pipeline.lineage.story import Section, Story
from pipeline.lineage.walk import MODEL
from pipeline.metrics_table import Column, check_line, metrics_table, peer_columns
from pipeline.version_records import PUSHED_MODEL

_SHORT = 12
_VERDICT = "Verdict"
_PEERS = "Peers"
_OTHERS = "Others"
# Where each type of artifact is told, in order.
_TOPICS = {
    "Push": ("PushedModel",),
    _VERDICT: ("ModelBlessing", "InfraBlessing", "ModelEvaluation"),
    "Model": (MODEL, "ModelRun", "HyperParameters", "TunerResults"),
    _PEERS: (),
    "Features": ("TransformGraph", "Schema"),
    "Data": ("Examples", "ExampleStatistics", "ExampleAnomalies"),
}


def story_tree(story: Story, output: Path) -> Tree:
    """The tree of a story.

    Args:
        story: The story.
        output: The output folder; places in it are told from there on.
    """
    return _StoryTree(story, output).tree()


class _StoryTree:
    def __init__(self, story: Story, output: Path) -> None:
        self._story = story
        self._lineage = story.lineage
        self._output = output
        self._facts: dict[str, Callable[[Tree, Artifact], None]] = {
            "PushedModel": self._tell_push,
            "ModelBlessing": lambda branch, _: self._tell_checks(branch, "gate"),
            "InfraBlessing": lambda branch, _: self._tell_checks(branch, "infra_validation"),
            "ModelEvaluation": self._tell_metrics,
            "Model": self._tell_model,
            "ModelRun": self._tell_run,
            "TransformGraph": self._tell_vocabularies,
            "Schema": self._tell_schema,
            "Examples": self._tell_data,
            "ExampleStatistics": self._tell_statistics,
            "ExampleAnomalies": self._tell_anomalies,
        }

    def tree(self) -> Tree:
        tree = Tree(Text(self._title(), style="bold"))
        artifacts = [found for _, found in sorted(self._lineage.artifacts.items())]
        for topic in (*_TOPICS, _OTHERS):
            told = [artifact for artifact in artifacts if self._topic(artifact) == topic]
            types = _TOPICS.get(topic, ())
            self._branch(tree, topic, sorted(told, key=lambda a: _place(a.type, types)))
        self._tell_configuration(tree)
        self._tell_code(tree)
        return tree

    def _title(self) -> str:
        push, target = self._section("push"), self._story.target
        if target.type == PUSHED_MODEL and "version" in push:
            state = ", current" if push["current"] else ""
            return f"Version {push['version']}{state}, pushed {_time(push['pushed_at'])}"
        refused = push.get("outcome") == OUTCOME_NOT_BLESSED
        return f"{target.type} #{target.id}{': not blessed, so not pushed' if refused else ''}"

    def _topic(self, artifact: Artifact) -> str:
        model = self._story.model
        if artifact.type == MODEL and model is not None and artifact.id != model.id:
            return _VERDICT if artifact.id in self._lineage.baselines else _PEERS
        topics = (topic for topic, types in _TOPICS.items() if artifact.type in types)
        return next(topics, _OTHERS)

    def _branch(self, tree: Tree, topic: str, artifacts: Sequence[Artifact]) -> None:
        if not artifacts:
            return
        branch = tree.add(Text(topic, style="bold"))
        for artifact in artifacts:
            leaf = branch.add(self._headline(artifact))
            if artifact.id not in self._lineage.baselines:
                _add(leaf, self._origin(artifact))
                tell = self._facts.get(artifact.type)
                if tell is not None:
                    tell(leaf, artifact)

    def _headline(self, artifact: Artifact) -> Text:
        line = Text(f"#{artifact.id} {artifact.type}", style="cyan")
        size = bytes_on_disk(artifact.uri)
        if is_remote(artifact.uri):
            size = artifact.properties.get(FILES_BYTES, 0)
        line.append(f"  {short_place(artifact.uri, self._output)}", style="default")
        line.append(f"  {'gone' if size is None else decimal(size)}", style="default")
        if artifact.id in self._lineage.baselines:
            line.append("  baseline: only compared with", style="dim")
        if artifact.state != "LIVE":
            line.append(f"  {artifact.state.lower()}", style="yellow")
        return line

    def _origin(self, artifact: Artifact) -> Text | None:
        execution = self._lineage.producer(artifact.id)
        if execution is None:
            return None
        line = f"made by {execution.node} (execution {execution.id}, {_clock(execution.began_at)}"
        line += f", {(execution.ended_at - execution.began_at).total_seconds():.1f} s)"
        taken = self._lineage.inputs(execution.id)
        if taken:
            line += f" from {', '.join(f'#{edge.artifact} {edge.key}' for edge in taken)}"
        if artifact.id in self._lineage.from_cache:
            line += "; reused from the cache by this run"
        return Text(line, style="dim")

    def _tell_push(self, branch: Tree, artifact: Artifact) -> None:
        push = self._section("push")
        if artifact.id != push["artifact"] or "version" not in push:
            return
        size = bytes_on_disk(push["path"])
        where = "removed" if size is None else decimal(size)
        _add(branch, f"served from {short_place(push['path'], self._output)}  {where}")
        _add(branch, f"sha256 {_short(push['sha256'])}" if push["sha256"] else None)
        before, after = push["before"] or "none", push["after"] or "none"
        _add(branch, f"version before it: {before}; after it: {after}")
        for rollback in push["rollbacks"]:
            _add(
                branch,
                f"rollback {_time(rollback['at'])} from {rollback['rolled_back_from']} to"
                f" {rollback['rolled_back_to']}, republished as {rollback['version']}",
            )
        _add(branch, f"pruned {_time(push['removed_at'])}" if push["removed_at"] else None)

    def _tell_checks(self, branch: Tree, section: str) -> None:
        found = self._section(section)
        _add(branch, "blessed" if found["blessed"] else Text("not blessed", style="bold red"))
        for reason in found["reasons"]:
            _add(branch, check_line(reason))

    def _tell_metrics(self, branch: Tree, artifact: Artifact) -> None:
        found = self._section("metrics")
        execution = self._lineage.producers.get(artifact.id, 0)
        keys = {edge.key for edge in self._lineage.inputs(execution)}
        if not found or "model" not in keys:
            return
        columns = [Column("model", found["model"], found.get("intervals", {}))]
        if found.get("baseline"):
            columns.append(Column("baseline", found["baseline"]))
        columns += peer_columns(found.get("peers") or {})
        rows = found["model"].get("example_count", 0)
        _add(branch, metrics_table(f"On the eval split, {rows:,.0f} rows", columns))

    def _tell_model(self, branch: Tree, artifact: Artifact) -> None:
        training = self._section("training")
        if self._story.model is None or artifact.id != self._story.model.id or not training:
            return
        if "hyperparameters" in training:
            _add(branch, f"hyperparameters: {_values(training['hyperparameters'])}")

    def _tell_run(self, branch: Tree, artifact: Artifact) -> None:
        training = self._section("training")
        if "curve_end" not in training:
            return
        ends = ", ".join(f"{name} {value:.6g}" for name, value in training["curve_end"].items())
        _add(
            branch, f"{training['epochs']} epochs in {training['seconds']:.1f} s; the last: {ends}"
        )

    def _tell_vocabularies(self, branch: Tree, artifact: Artifact) -> None:
        sizes = self._section("vocabularies")
        phrases = (f"{size:,} {name}" for name, size in sizes.items())
        _add(branch, f"vocabularies: {', '.join(phrases)}" if sizes else None)

    def _tell_schema(self, branch: Tree, artifact: Artifact) -> None:
        checksum = self._section("schemas").get(self._node(artifact))
        _add(branch, f"sha256 {_short(checksum)}" if checksum else None)

    def _tell_data(self, branch: Tree, artifact: Artifact) -> None:
        values = artifact.properties
        if "source" in values:
            checksum = _short(values["source_sha256"])
            _add(branch, f"{values['source_description']}; sha256 {checksum}")
        if "rows" in values:
            _add(branch, f"{values['rows']:,} candidates")
        if "split" not in values:
            return
        data = self._section("data")
        rows = ", ".join(f"{count:,} {name}" for name, count in data["rows"].items())
        _add(branch, f"rows: {rows}; {data['queries']:,} queries")
        _add(branch, f"split: {_values(data['split'])}")
        _add(branch, f"span {data['span']}" if "span" in data else None)

    def _tell_statistics(self, branch: Tree, artifact: Artifact) -> None:
        splits = self._section("statistics")[self._node(artifact)]
        _add(branch, f"of the splits {', '.join(splits)}")

    def _tell_anomalies(self, branch: Tree, artifact: Artifact) -> None:
        found = self._section("anomalies")[self._node(artifact)]
        told = ", ".join(f"{what} in {split}" for split, what in found.items())
        _add(branch, told or None)

    def _tell_configuration(self, tree: Tree) -> None:
        found = self._section("configuration")
        if not found:
            return
        changes = found["changes"]
        what = f"values changed: {len(changes) or 'none'}"
        title = Text("Configuration", style="bold")
        title.append(f"  preset {found['preset']}; {what}", style="not bold")
        branch = tree.add(title)
        for key, (expected, given) in changes.items():
            _add(branch, f"{key} = {json.dumps(given)}, there {json.dumps(expected)}")

    def _tell_code(self, tree: Tree) -> None:
        code, packages = self._section("code"), self._section("packages")
        branch = tree.add(Text("Code and packages", style="bold"))
        commit = code.get(GIT_COMMIT)
        modified = ", with changes that are not committed" if code.get(GIT_MODIFIED) else ""
        _add(branch, f"commit {commit}{modified}" if commit else "the commit is not recorded")
        if packages:
            stack = packages["stack"]
            versions = {name: value for name, value in packages.items() if name != "stack"}
            _add(branch, f"stack {stack}: {_values(versions)}")
        for node, found in code.get("components", {}).items():
            parts = [f"code {_short(found['code_version'])}"] if "code_version" in found else []
            if GIT_COMMIT in found:
                parts.append(f"of commit {_short(found[GIT_COMMIT] or 'unknown')}")
            _add(branch, f"{node}: {', '.join(parts)}")

    def _section(self, name: str) -> Section:
        return self._story.sections.get(name, {})

    def _node(self, artifact: Artifact) -> str:
        execution = self._lineage.producer(artifact.id)
        return execution.node if execution else ""


def _place(artifact_type: str, types: Sequence[str]) -> int:
    """Where a type stands among others; last where it is none of them."""
    return types.index(artifact_type) if artifact_type in types else len(types)


def _add(branch: Tree, line: RenderableType | None) -> None:
    if line is not None:
        branch.add(Text(line) if isinstance(line, str) else line)


def _values(values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> str:
    pairs = dict(values).items()
    return ", ".join(f"{n} {v if isinstance(v, str) else json.dumps(v)}" for n, v in pairs)


def _short(checksum: str) -> str:
    return checksum[:_SHORT]


def _time(text: str) -> str:
    return _clock(datetime.fromisoformat(text))


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
