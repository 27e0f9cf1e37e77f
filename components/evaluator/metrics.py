"""TFMA metrics over the statistics of rows and lists, with analytic confidence intervals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.evaluator.rank_statistics import (
    COUNTS,
    GAIN,
    INDEX_RECALL,
    POPULARITY_RANK,
    RANK_METRICS,
    ListStatistics,
    RankStatistics,
)

# Keys of extracts.
ROW_STATISTICS = "row_statistics"
LIST_STATISTICS = "list_statistics"

EXAMPLE_COUNT = "example_count"
COVERAGE = "coverage_at_100"
REPEATED = "repeated_top_10_share"
MEANS = (*RANK_METRICS, INDEX_RECALL, POPULARITY_RANK, GAIN)

Statistics = RankStatistics | ListStatistics


class RowMean(tfma.metrics.Metric):
    """Mean over rows of one of `MEANS`, with its t-distribution.

    Args:
        name: Which of them; it is also the metric's name.
    """

    def __init__(self, name: str) -> None:
        if name not in MEANS:
            raise ValueError(f"{name!r} is not one of {', '.join(MEANS)}")
        super().__init__(_mean_computations, name=name)


class RowCount(tfma.metrics.Metric):
    """Number of rows: all of them (`example_count`), or those of one of `COUNTS`."""

    def __init__(self, name: str) -> None:
        super().__init__(_count_computations, name=name)


class ListShare(tfma.metrics.Metric):
    """`coverage_at_100` or `repeated_top_10_share`, of the whole split; NaN of a slice."""

    def __init__(self, name: str) -> None:
        super().__init__(_share_computations, name=name)


def metrics_specs(model_names: Sequence[str], candidate: str | None) -> list[tfma.MetricsSpec]:
    """Every metric of this module.

    Args:
        model_names: The models of the evaluation.
        candidate: The one whose gain over a baseline is measured, if any is.
    """
    configs = [_config(RowMean, name) for name in (*RANK_METRICS, INDEX_RECALL, POPULARITY_RANK)]
    configs += [_config(RowCount, name) for name in (EXAMPLE_COUNT, *COUNTS)]
    configs += [_config(ListShare, name) for name in (COVERAGE, REPEATED)]
    specs = [tfma.MetricsSpec(metrics=configs, model_names=list(model_names))]
    if candidate is not None:
        gain = [_config(RowMean, GAIN)]
        specs.append(tfma.MetricsSpec(metrics=gain, model_names=[candidate]))
    return specs


def _config(metric: type[tfma.metrics.Metric], name: str) -> tfma.MetricConfig:
    return tfma.MetricConfig(
        class_name=metric.__name__, module=__name__, config=json.dumps({"name": name})
    )


def _mean_computations(name: str, model_names: list[str] | None = None, **_: Any) -> Any:
    return _computations(name, model_names, ROW_STATISTICS, RankStatistics, _mean_with_interval)


def _count_computations(name: str, model_names: list[str] | None = None, **_: Any) -> Any:
    return _computations(name, model_names, ROW_STATISTICS, RankStatistics, _count)


def _share_computations(name: str, model_names: list[str] | None = None, **_: Any) -> Any:
    return _computations(name, model_names, LIST_STATISTICS, ListStatistics, _share)


def _computations(
    name: str,
    model_names: list[str] | None,
    source: str,
    statistics_type: type[Statistics],
    result: Callable[[Any, str], Any],
) -> list[Any]:
    computations: list[Any] = []
    for model_name in model_names or [""]:
        statistics = metric_types.MetricKey(name=f"_{source}", model_name=model_name)
        # Equal for all metrics of a model, so TFMA runs it once.
        computations.append(
            metric_types.MetricComputation(
                keys=[statistics],
                preprocessors=[_StatisticsOfModel(source, model_name)],
                combiner=_SumStatistics(statistics, statistics_type),
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
    return float(statistics.rows if name == EXAMPLE_COUNT else statistics.counts[name])


def _share(statistics: ListStatistics, name: str) -> float:
    return statistics.coverage() if name == COVERAGE else statistics.repeated_share()


class _StatisticsOfModel(metric_types.Preprocessor):
    """Picks one model's statistics out of the extracts."""

    def __init__(self, source: str, model_name: str) -> None:
        super().__init__(name=f"{source}_of_model", model_name=model_name)
        self._source = source
        self._model_name = model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[Statistics]:
        yield extracts[self._source][self._model_name]


class _SumStatistics(beam.CombineFn):
    """Adds statistics up."""

    def __init__(self, key: metric_types.MetricKey, statistics_type: type[Statistics]) -> None:
        self._key = key
        self._type = statistics_type

    def create_accumulator(self) -> Statistics:
        return self._type()

    def add_input(self, accumulator: Any, element: metric_types.StandardMetricInputs) -> Statistics:
        return accumulator + element

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Statistics:
        return sum(accumulators, self._type())

    def extract_output(self, accumulator: Statistics) -> dict[metric_types.MetricKey, Statistics]:
        return {self._key: accumulator}
