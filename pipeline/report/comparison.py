"""The page that compares two models."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.datasets.definition import DatasetDefinition
from components.datasets.movielens import MOVIELENS
from pipeline.report.facts import Facts
from pipeline.report.metrics import Measured, accuracy_charts, metric_rows
from pipeline.report.page import render
from pipeline.report.slices import slice_charts
from pipeline.verdict import Evaluation

_TEMPLATE = "comparison.html"
_DATA = ("source_description", "source_sha256", "rows_train", "rows_eval")
_SAME_ROWS = (
    "source_sha256",
    "split.method",
    "split.seed",
    "split.eval_fraction",
    "split.eval_events",
    "split.history",
)


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something that was told to the runs, and is not the same.

    Attributes:
        name: What it is.
        first: What it is for the first model.
        second: For the second.
    """

    name: str
    first: str
    second: str


def comparison(first: Facts, second: Facts, definition: DatasetDefinition = MOVIELENS) -> str:
    """Two models beside each other, as HTML; none of them is asked anything.

    Args:
        first: What is recorded of one.
        second: What is recorded of the other.
        definition: The dataset's definition.
    """
    models = {_name(facts): facts for facts in (first, second)}
    evaluations = [_evaluation(facts) for facts in models.values()]
    measured = {
        name: Measured(evaluation.metrics, evaluation.intervals)
        for name, evaluation in zip(models, evaluations, strict=True)
    }
    accuracies = accuracy_charts(measured)
    slices = slice_charts(evaluations[0].slices, evaluations[-1].slices, _name(second), definition)
    differences = list(_differences(_told(first), _told(second)))
    return render(
        _TEMPLATE,
        [*accuracies, *slices],
        models=models,
        columns=list(models),
        rows=metric_rows(measured),
        accuracies=accuracies,
        slices=slices,
        differences=differences,
        same_rows=all(_told(first)[name] == _told(second)[name] for name in _SAME_ROWS),
    )


def _name(facts: Facts) -> str:
    return f"version {facts.version}" if facts.version else f"model {facts.model.id}"


def _evaluation(facts: Facts) -> Evaluation:
    assert facts.verdict.evaluation is not None
    return facts.verdict.evaluation


def _told(facts: Facts) -> dict[str, Any]:
    """What the run was told, as far as it changes a model, by name."""
    data = facts.output("ExampleGen", "examples").values
    return {
        **{name: data[name] for name in _DATA},
        **{f"split.{name}": value for name, value in json.loads(data["split"]).items()},
        **facts.values("Trainer", "model", "hyperparameters"),
    }


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for name in {**first, **second}:
        values = [told.get(name) for told in (first, second)]
        if values[0] != values[1]:
            yield Difference(name, *(v if isinstance(v, str) else json.dumps(v) for v in values))
