"""Reads what TFMA wrote back into plain numbers."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import tensorflow_model_analysis as tfma

from components.evaluator.metrics import EXAMPLE_COUNT
from components.evaluator.rank_statistics import UNSEEN_TOP_100

TOP_100 = "top_100_accuracy"
# What is kept of a slice beside TFMA's own files.
SLICE_METRICS = (EXAMPLE_COUNT, TOP_100, UNSEEN_TOP_100)

Slices = dict[str, dict[str, dict[str, float]]]


@dataclasses.dataclass
class ModelMetrics:
    """Metrics of one model on one eval split.

    Attributes:
        metrics: Value of each metric over the whole split.
        intervals: Bounds of the 95 % confidence interval of each mean.
        slices: `SLICE_METRICS` by slice name and value.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    slices: Slices = dataclasses.field(default_factory=dict)

    def describe(self, artifact: Any) -> None:
        """Records the metrics on an artifact, each attribute as JSON."""
        for name, value in dataclasses.asdict(self).items():
            artifact.set_string_custom_property(name, json.dumps(value))


def read_results(evaluation_uri: str, model_names: list[str]) -> dict[str, ModelMetrics]:
    """Metrics of each model of an evaluation, by its name.

    Args:
        evaluation_uri: Where TFMA wrote.
        model_names: The models that were evaluated.
    """
    return {
        name: _read(evaluation_uri, None if len(model_names) == 1 else name) for name in model_names
    }


def _read(evaluation_uri: str, model_name: str | None) -> ModelMetrics:
    result = tfma.load_eval_result(evaluation_uri, model_name=model_name)
    found = ModelMetrics({}, {})
    for key, outputs in result.slicing_metrics:
        values = outputs[""][""]
        if not key:
            found.metrics = {name: _number(value) for name, value in values.items()}
            found.intervals = {
                name: _interval(value) for name, value in values.items() if "boundedValue" in value
            }
            continue
        [(name, value)] = key
        of_slice = {metric: _number(values[metric]) for metric in SLICE_METRICS}
        found.slices.setdefault(name, {})[str(value)] = of_slice
    found.slices = {name: dict(sorted(found.slices[name].items())) for name in sorted(found.slices)}
    return found


def _number(value: dict[str, Any]) -> float:
    # A mean comes with its interval, a count does not.
    if "boundedValue" in value:
        return float(value["boundedValue"]["value"])
    return float(value["doubleValue"])


def _interval(value: dict[str, Any]) -> tuple[float, float]:
    bounded = value["boundedValue"]
    bounds = float(bounded["lowerBound"]), float(bounded["upperBound"])
    # Of a single row there is no interval; JSON has no word for that but a number.
    return bounds if not any(map(math.isnan, bounds)) else (_number(value), _number(value))
