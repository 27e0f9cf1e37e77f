"""TFMA metrics over `RankStatistics`, with analytic confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.rank_statistics import METRIC_NAMES, RankStatistics

STATISTICS = "rank_statistics"
EXAMPLE_COUNT = "example_count"
UNUSABLE_ROWS = "unusable_rows"


class RankMean(tfma.metrics.Metric):
    """Mean over rows of one of `rank_statistics.METRIC_NAMES`, with its t-distribution.

    Args:
        name: Which of them; it is also the metric's name.
    """

    def __init__(self, name: str) -> None:
        if name not in METRIC_NAMES:
            raise ValueError(f"{name!r} is not one of {', '.join(METRIC_NAMES)}")
        super().__init__(_mean_computations, name=name)


class RowCount(tfma.metrics.Metric):
    """Number of rows (`example_count`) or of rows with unusable scores (`unusable_rows`)."""

    def __init__(self, name: str) -> None:
        super().__init__(_count_computations, name=name)


def metrics_specs(model_names: list[str]) -> list[tfma.MetricsSpec]:
    """Every metric of this module for the named models."""
    configs = [_config(RankMean, name) for name in METRIC_NAMES]
    configs += [_config(RowCount, name) for name in (EXAMPLE_COUNT, UNUSABLE_ROWS)]
    return [tfma.MetricsSpec(metrics=configs, model_names=model_names)]


def _config(metric: type[tfma.metrics.Metric], name: str) -> tfma.MetricConfig:
    return tfma.MetricConfig(
        class_name=metric.__name__, module=__name__, config=f'{{"name": "{name}"}}'
    )


def _mean_computations(name: str, model_names: list[str] | None = None, **_: Any) -> Any:
    return _computations(name, model_names or [""], _mean_with_interval)


def _count_computations(name: str, model_names: list[str] | None = None, **_: Any) -> Any:
    return _computations(name, model_names or [""], _count)


def _computations(name: str, model_names: list[str], result: Any) -> list[Any]:
    computations: list[Any] = []
    for model_name in model_names:
        statistics = metric_types.MetricKey(name=f"_{STATISTICS}", model_name=model_name)
        # Equal for all metrics of a model, so TFMA runs it once.
        computations.append(
            metric_types.MetricComputation(
                keys=[statistics],
                preprocessors=[_StatisticsOfModel(model_name)],
                combiner=_SumStatistics(statistics),
            )
        )
        key = metric_types.MetricKey(name=name, model_name=model_name)
        computations.append(
            metric_types.DerivedMetricComputation(
                keys=[key],
                result=lambda metrics, key=key, source=statistics: {
                    key: result(metrics[source], key.name)
                },
            )
        )
    return computations


def _mean_with_interval(statistics: RankStatistics, name: str) -> Any:
    mean = statistics.mean(name)
    return tfma.types.ValueWithTDistribution(
        sample_mean=mean,
        sample_standard_deviation=statistics.standard_error(name),
        sample_degrees_of_freedom=max(statistics.rows - 1, 0),
        unsampled_value=mean,
    )


def _count(statistics: RankStatistics, name: str) -> float:
    return float(statistics.rows if name == EXAMPLE_COUNT else statistics.unusable_rows)


class _StatisticsOfModel(metric_types.Preprocessor):
    """Picks one model's statistics out of the extracts."""

    def __init__(self, model_name: str) -> None:
        super().__init__(name=f"{STATISTICS}_of_model", model_name=model_name)
        self._model_name = model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[RankStatistics]:
        yield extracts[STATISTICS][self._model_name]


class _SumStatistics(beam.CombineFn):
    """Adds statistics up."""

    def __init__(self, key: metric_types.MetricKey) -> None:
        self._key = key

    def create_accumulator(self) -> RankStatistics:
        return RankStatistics()

    def add_input(
        self, accumulator: RankStatistics, element: metric_types.StandardMetricInputs
    ) -> RankStatistics:
        return accumulator + element

    def merge_accumulators(self, accumulators: Iterable[RankStatistics]) -> RankStatistics:
        return sum(accumulators, RankStatistics())

    def extract_output(
        self, accumulator: RankStatistics
    ) -> dict[metric_types.MetricKey, RankStatistics]:
        return {self._key: accumulator}
