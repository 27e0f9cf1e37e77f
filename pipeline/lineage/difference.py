"""What differs between the stories of two models."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from components.provenance.names import FILES_SHA256
from pipeline.lineage.story import Story
from pipeline.version_records import PUSHED_MODEL

# What two pushes never have in common, and what other keys tell better.
_LEFT_OUT = {
    "push",
    "metrics.slices",
    "metrics.intervals",
    "metrics.baseline",
    "training.curve",
    "training.seconds",
    "configuration.changes",
    "configuration.values.training",
}
# Metrics that measure a model against its baseline, which is another model for each.
_AGAINST_BASELINE = ("_diff", "_gain")
# Artifacts that are about a model: their files never are the same, and metrics and gate say why.
_JUDGEMENTS = ("ModelBlessing", "InfraBlessing", "ModelEvaluation", PUSHED_MODEL)
_METRICS = "metrics."
_REASONS = "reasons"
_ABSENT = "-"
_SHORT = 12


@dataclasses.dataclass(frozen=True)
class Difference:
    """One value that differs.

    Attributes:
        key: Dotted name, from the section on.
        first: Its value in the first story; None where it has none.
        second: Its value in the second.
    """

    key: str
    first: Any
    second: Any

    @property
    def sentence(self) -> str:
        """The difference on one line."""
        return f"{self.key}  {_text(self.first)} -> {_text(self.second)}"


def differences(first: Story, second: Story) -> list[Difference]:
    """What differs, the shortest first.

    Args:
        first: A story.
        second: Another.
    """
    values = [dict(_flat(story)) for story in (first, second)]
    keys = values[0].keys() | values[1].keys()
    found = [Difference(key, *(side.get(key) for side in values)) for key in keys]
    found = [difference for difference in found if difference.first != difference.second]
    return sorted(found, key=lambda difference: (len(difference.sentence), difference.key))


def difference_line(difference: Difference) -> Text:
    """A difference for people."""
    line = Text(f"{difference.key}  ", style="bold")
    line.append(_text(difference.first), style="not bold red")
    line.append(" -> ", style="not bold default")
    return line.append(_text(difference.second), style="not bold green")


def _flat(story: Story) -> Iterator[tuple[str, Any]]:
    for name, section in story.sections.items():
        if name not in _LEFT_OUT:
            yield from _leaves(name, section)
    keys = {edge.artifact: edge.key for edge in story.lineage.edges if edge.kind == "output"}
    for identity, artifact in story.lineage.artifacts.items():
        producer = story.lineage.producer(identity)
        if producer is not None and artifact.type not in _JUDGEMENTS:
            checksum = artifact.properties.get(FILES_SHA256, "")
            yield f"files.{producer.node}.{keys[identity]}", checksum[:_SHORT] or None


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if key in _LEFT_OUT or (key.startswith(_METRICS) and key.endswith(_AGAINST_BASELINE)):
        return
    if key.endswith(f".{_REASONS}"):
        for reason in value:
            yield f"{key.removesuffix(_REASONS)}{reason['check']}", _result(reason)
    elif isinstance(value, dict):
        for name, found in value.items():
            yield from _leaves(f"{key}.{name}", found)
    else:
        yield key, value


def _result(reason: dict[str, Any]) -> str:
    """Whether a check passed; its figures are among the metrics, its bound in the configuration."""
    return "passed" if reason["passed"] else "FAILED"


def _text(value: Any) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)
