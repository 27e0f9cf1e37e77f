"""What a retrieval dataset is made of, independent of any one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class Feature:
    """One column.

    Attributes:
        type: Arrow type of the column.
        labels: For a column of integer codes, the name of each code; empty otherwise.
        boundaries: For a numeric column, the ascending bounds of the buckets a model sees.
        unit: Unit or meaning of the value, for people.
    """

    type: pa.DataType
    labels: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class DatasetDefinition:
    """Names the role of each column of a dataset of events between queries and candidates.

    Attributes:
        name: Name of the dataset family.
        query_id: Column that identifies who asks (string).
        candidate_id: Column that identifies a row of the catalogue (string).
        candidate_key: Candidate feature by which one candidate is one embedding (string); several
            candidate ids may carry one key.
        candidate_title: Candidate feature to show to people (string).
        event_time: Column with the time of an event (int64, see `time_unit`).
        event_weight: Column with the strength of an event (float32).
        query_features: Name to Feature, without `query_id`.
        candidate_features: Name to Feature, without `candidate_id`.
        slice_features: Features by whose values an evaluation is sliced.
        time_unit: Unit of `event_time`.
        licence: What the publisher of the data asks of those who use them, in sentences.
    """

    name: str
    query_id: str
    candidate_id: str
    candidate_key: str
    candidate_title: str
    event_time: str
    event_weight: str
    query_features: Mapping[str, Feature] = field(hash=False)
    candidate_features: Mapping[str, Feature] = field(hash=False)
    slice_features: tuple[str, ...] = ()
    time_unit: str = "seconds since 1970-01-01 UTC"
    licence: str = ""

    def __post_init__(self) -> None:
        for role in (self.candidate_key, self.candidate_title):
            if role not in self.candidate_features:
                raise ValueError(f"{role!r} is not one of the candidate features")
        for name in self.slice_features:
            self.feature(name)

    def feature(self, name: str) -> Feature:
        """The feature of that name, of queries or of candidates.

        Raises:
            ValueError: There is none.
        """
        for features in (self.query_features, self.candidate_features):
            if name in features:
                return features[name]
        raise ValueError(f"{name!r} is not a feature of {self.name}")

    def context_features(self) -> tuple[str, ...]:
        """Names of the query features that a model can read: those with labels or boundaries."""
        return tuple(
            name
            for name, feature in self.query_features.items()
            if feature.labels or feature.boundaries
        )

    def candidate_schema(self) -> pa.Schema:
        """Schema of the catalogue: the candidate id (string), then every candidate feature."""
        features = [(name, feature.type) for name, feature in self.candidate_features.items()]
        return pa.schema([(self.candidate_id, pa.string()), *features])

    def query_schema(self, present: frozenset[str] | None = None) -> pa.Schema:
        """Schema of the queries: the query id (string), then the features.

        Args:
            present: Features that a layout has; None for all of them.
        """
        features = [
            (name, feature.type)
            for name, feature in self.query_features.items()
            if present is None or name in present
        ]
        return pa.schema([(self.query_id, pa.string()), *features])

    def event_schema(self) -> pa.Schema:
        """Schema of events: two ids (string), the weight (float32), the time (int64)."""
        return pa.schema(
            [
                (self.query_id, pa.string()),
                (self.candidate_id, pa.string()),
                (self.event_weight, pa.float32()),
                (self.event_time, pa.int64()),
            ]
        )
