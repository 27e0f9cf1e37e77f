"""Statistics of the data, and how far they are from those of the previous model's data."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

_FILE = "FeatureStats.pb"
_MOST_BARS = 10
MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "Jensen-Shannon",
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "L-infinity",
}


@dataclasses.dataclass(frozen=True)
class FeatureStatistics:
    """A feature of a split.

    Attributes:
        name: Its name.
        summary: Its values in a phrase.
        missing: Share of the examples that lack it.
        bars: Height, 0 to 1, and meaning of each bar of its distribution.
        drift: Distance to the previous model's data; None where there is none to compare with.
        measure: What the distance is.
    """

    name: str
    summary: str
    missing: float
    bars: list[tuple[float, str]]
    drift: float | None
    measure: str


@dataclasses.dataclass(frozen=True)
class StatisticsTable:
    """The features of one split.

    Attributes:
        title: What the examples are.
        examples: How many there are.
        features: Its features, by name.
    """

    title: str
    examples: int
    features: list[FeatureStatistics]


def statistics_table(title: str, folder: Path, previous: Path | None, time: str) -> StatisticsTable:
    """The features of a split.

    Args:
        title: What the examples are.
        folder: Folder of the split in an ExampleStatistics artifact.
        previous: That of the previous model's data; None for none.
        time: The feature whose values are seconds since 1970.
    """
    statistics = _read(folder)
    drifts = _drifts(statistics, _read(previous)) if previous else {}
    [dataset] = statistics.datasets
    features = sorted(dataset.features, key=_name)
    found = [_feature(feature, drifts.get(_name(feature)), time) for feature in features]
    return StatisticsTable(title, int(dataset.num_examples), found)


def _read(folder: Path) -> statistics_pb2.DatasetFeatureStatisticsList:
    return statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / _FILE).read_bytes())


def _drifts(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList,
) -> dict[str, tuple[float, str]]:
    """Distance and measure of each feature that both have, as TFDV's drift comparators have it.

    Jensen-Shannon divergence (base 2) of the histograms of numbers; the largest difference of a
    value's share, L-infinity, for texts. Both are between 0 and 1.
    """
    # It takes seconds to load.
    import tensorflow_data_validation as tfdv

    schema = schema_pb2.Schema()
    for feature in statistics.datasets[0].features:
        declared = schema.feature.add(name=_name(feature))
        # A bound that no distance exceeds: what is wanted is the measurement.
        if feature.WhichOneof("stats") == "num_stats":
            is_whole = feature.type == statistics_pb2.FeatureNameStatistics.INT
            declared.type = schema_pb2.INT if is_whole else schema_pb2.FLOAT
            declared.drift_comparator.jensen_shannon_divergence.threshold = 1
        else:
            declared.type = schema_pb2.BYTES
            declared.drift_comparator.infinity_norm.threshold = 1
    anomalies = tfdv.validate_statistics(statistics, schema, previous_statistics=previous)
    return {
        info.path.step[0]: (measurement.value, MEASURES[measurement.type])
        for info in anomalies.drift_skew_info
        for measurement in info.drift_measurements
    }


def _feature(feature: Any, drift: tuple[float, str] | None, time: str) -> FeatureStatistics:
    is_number = feature.WhichOneof("stats") == "num_stats"
    statistics = feature.num_stats if is_number else feature.string_stats
    common = statistics.common_stats
    present, missing = common.num_non_missing, common.num_missing
    distance, measure = drift or (None, "")
    return FeatureStatistics(
        name=_name(feature),
        summary=_numbers(statistics, _name(feature) == time) if is_number else _texts(statistics),
        missing=missing / max(present + missing, 1),
        bars=_histogram(statistics) if is_number else _ranks(statistics),
        drift=distance,
        measure=measure,
    )


def _numbers(statistics: Any, are_times: bool) -> str:
    if not statistics.common_stats.num_non_missing:
        return "no values"
    if are_times:
        first, last = (
            datetime.fromtimestamp(seconds, timezone.utc).date()
            for seconds in (statistics.min, statistics.max)
        )
        return f"{first} to {last}"
    return f"{statistics.min:.10g} to {statistics.max:.10g}, mean {statistics.mean:.6g}"


def _texts(statistics: Any) -> str:
    values = f"{statistics.unique:,} values"
    if not statistics.top_values:
        return values
    top = statistics.top_values[0]
    return f"{values}, most often {top.value} ({top.frequency:,.0f})"


def _histogram(statistics: Any) -> list[tuple[float, str]]:
    for histogram in statistics.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD:
            return _scaled(
                [
                    (
                        bucket.sample_count,
                        f"{bucket.low_value:.10g} to {bucket.high_value:.10g}:"
                        f" {bucket.sample_count:,.0f}",
                    )
                    for bucket in histogram.buckets
                ]
            )
    return []


def _ranks(statistics: Any) -> list[tuple[float, str]]:
    buckets = statistics.rank_histogram.buckets[:_MOST_BARS]
    return _scaled(
        [(bucket.sample_count, f"{bucket.label}: {bucket.sample_count:,.0f}") for bucket in buckets]
    )


def _scaled(found: list[tuple[float, str]]) -> list[tuple[float, str]]:
    highest = max((height for height, _ in found), default=0) or 1
    return [(height / highest, meaning) for height, meaning in found]


def _name(feature: Any) -> str:
    return str(feature.path.step[0]) if feature.path.step else str(feature.name)
