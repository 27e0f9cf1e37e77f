"""Writes what every retrieval model is exported as."""

from __future__ import annotations

from collections.abc import Collection

import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.serving.indexes.index import Index
from components.serving.query_events import QueryEvents
from components.serving.serving_module import RetrievalServing
from components.serving.signatures import traced
from components.transform.graph import TransformGraph
from components.transform.reading import CandidateTable


def save(
    index: Index,
    candidates: CandidateTable,
    events: QueryEvents,
    history_length: int,
    transform_graph_uri: str,
    definition: DatasetDefinition,
    folder: str,
    only: Collection[str] | None = None,
) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Writes the SavedModel to `folder`; the first arguments are those of `RetrievalServing`.

    Args:
        folder: Where to write.
        only: Names of the signatures to save, each of which costs a second; None for all.

    Returns:
        The functions that were saved, by signature name.
    """
    transform_graph = TransformGraph(transform_graph_uri)
    module = RetrievalServing(
        index, candidates, events, history_length, transform_graph, definition
    )
    signatures = {
        name: function
        for name, function in module.signatures().items()
        if only is None or name in only
    }
    tf.saved_model.save(
        module, folder, signatures={name: traced(of) for name, of in signatures.items()}
    )
    return signatures
