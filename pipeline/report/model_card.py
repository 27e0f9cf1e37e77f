"""What the model card says that has to be computed.

The headings are those of Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from components.datasets.definition import DatasetDefinition
from components.provenance.names import GIT_COMMIT, GIT_MODIFIED
from pipeline.report.facts import Facts
from pipeline.report.metrics import UNSEEN
from pipeline.verdict import Evaluation

_FEWEST_ROWS = 200


@dataclasses.dataclass(frozen=True)
class Group:
    """Accuracy for the queries that share a value.

    Attributes:
        feature: What they share.
        value: The value.
        rows: Rows of the eval split.
        accuracy: Top-100 accuracy among unseen candidates.
        difference: To that of all rows.
    """

    feature: str
    value: str
    rows: int
    accuracy: float
    difference: float


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What the model card says.

    Attributes:
        manifest: What the SavedModel says about itself.
        code: Commit of the code that trained it, and whether it was changed; empty where it is not
            recorded.
        hyperparameters: Of model and training.
        data: What ExampleGen recorded of the interactions.
        candidates: How many candidates there are.
        split: How events were split.
        licence: Terms of the data.
        reads: Query features that the model reads.
        metrics: Over the whole eval split.
        groups: By the features of queries.
        lowest: The group with the lowest accuracy, of those that are large enough to tell.
    """

    manifest: Mapping[str, Any]
    code: str
    hyperparameters: Mapping[str, Any]
    data: Mapping[str, Any]
    candidates: int
    split: Mapping[str, Any]
    licence: str
    reads: list[str]
    metrics: Mapping[str, float]
    groups: list[Group]
    lowest: Group | None


def model_card(facts: Facts, evaluation: Evaluation, definition: DatasetDefinition) -> ModelCard:
    """What the card of a model says.

    Args:
        facts: What is recorded of it.
        evaluation: What the Evaluator measured.
        definition: The dataset's definition.
    """
    data = facts.output("ExampleGen", "examples").values
    hyperparameters = facts.values("Trainer", "model", "hyperparameters")
    groups = _groups(evaluation, definition)
    reads = definition.context_features() if hyperparameters.get("query_features") else ()
    return ModelCard(
        manifest=facts.manifest(),
        code=_code(facts.model.properties),
        hyperparameters=hyperparameters,
        data=data,
        candidates=facts.output("ExampleGen", "candidates").values["rows"],
        split=json.loads(data["split"]),
        licence=definition.licence,
        reads=[_words(name) for name in reads],
        metrics=evaluation.metrics,
        groups=groups,
        lowest=min(
            (group for group in groups if group.rows >= _FEWEST_ROWS),
            key=lambda group: group.accuracy,
            default=None,
        ),
    )


def _groups(evaluation: Evaluation, definition: DatasetDefinition) -> list[Group]:
    overall = evaluation.metrics[UNSEEN]
    return [
        Group(
            _words(name),
            value,
            int(metrics["example_count"]),
            metrics[UNSEEN],
            metrics[UNSEEN] - overall,
        )
        for name, values in evaluation.slices.items()
        if name in definition.query_features
        for value, metrics in values.items()
    ]


def _code(recorded: Mapping[str, Any]) -> str:
    if not recorded.get(GIT_COMMIT):
        return ""
    return str(recorded[GIT_COMMIT]) + (", changed" if recorded.get(GIT_MODIFIED) else "")


def _words(name: str) -> str:
    return name.replace("_", " ")
