"""Names of the slices that an evaluation can have; light, so that a config can be checked early."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.datasets.definition import DatasetDefinition

QUERY_ACTIVITY = "query_activity"
CANDIDATE_POPULARITY = "candidate_popularity"


def slice_names(definition: DatasetDefinition) -> tuple[str, ...]:
    """Everything by which rows can be sliced.

    `query_activity`: `cold` for a query without train events, else the quartile of its number of
    train events among the queries of train. `candidate_popularity`: `never in train`, else `head`,
    `torso` or `tail`: the most frequent candidates that together hold a third of all train events,
    those that hold the next third, and the rest. And the features that the definition names.
    """
    return (QUERY_ACTIVITY, CANDIDATE_POPULARITY, *definition.slice_features)
