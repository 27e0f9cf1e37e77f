"""Reads Examples through the transform graph into arrays that training can shuffle at will."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples import parquet
from components.transform import preprocessing
from components.transform.graph import TransformGraph


@dataclasses.dataclass(frozen=True)
class Interactions:
    """Positive pairs of one split.

    Attributes:
        query: Positions in the query vocabulary [n], int64; `UNKNOWN` for a query not in train.
        candidate: Positions in the candidate vocabulary [n], int64.
    """

    query: np.ndarray
    candidate: np.ndarray

    def __len__(self) -> int:
        return len(self.query)


@dataclasses.dataclass(frozen=True)
class CandidateTable:
    """The catalogue in the order of the candidate vocabulary.

    Attributes:
        keys: Candidate keys [n], bytes: the vocabulary itself.
        ids: Candidate ids [n], bytes.
        titles: Titles [n], bytes.
        features: Transformed candidate features by name, each [n] or [n, labels].
    """

    keys: np.ndarray
    ids: np.ndarray
    titles: np.ndarray
    features: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)


def load_interactions(
    examples_uri: str, split: str, transform_graph_uri: str, definition: DatasetDefinition
) -> Interactions:
    """Reads the pairs of a split through the transform graph.

    Args:
        examples_uri: Examples artifact of the interactions.
        split: Name of the split.
        transform_graph_uri: TransformGraph artifact.
        definition: The dataset's definition.
    """
    columns = [definition.query_id, definition.candidate_key]
    transform = transform_batches(transform_graph_uri, columns)
    queries, candidates = [], []
    for batch in parquet.read_split(examples_uri, split, columns):
        features = transform(batch)
        queries.append(features[preprocessing.QUERY].numpy())
        candidates.append(features[preprocessing.CANDIDATE].numpy())
    return Interactions(query=np.concatenate(queries), candidate=np.concatenate(candidates))


def load_candidates(
    candidates_uri: str, split: str, transform_graph_uri: str, definition: DatasetDefinition
) -> CandidateTable:
    """Reads the catalogue, in the order of the candidate vocabulary.

    Raises:
        ValueError: The vocabulary and the catalogue differ: they come from different runs.
    """
    named = list(
        dict.fromkeys(
            [definition.candidate_key, definition.candidate_id, definition.candidate_title]
        )
    )
    columns = list(dict.fromkeys([*named, *definition.candidate_features]))
    transform = transform_batches(transform_graph_uri, columns)
    parts: list[dict[str, np.ndarray]] = []
    for batch in parquet.read_split(candidates_uri, split, columns):
        features = transform(batch)
        part = {
            name: value.numpy()
            for name, value in features.items()
            if name.startswith(preprocessing.CANDIDATE)
        }
        for name in named:
            part[name] = np.array(parquet.column(batch, name).flatten().to_pylist(), dtype=object)
        parts.append(part)
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    position = merged.pop(preprocessing.CANDIDATE)
    if not np.array_equal(np.sort(position), np.arange(len(position))):
        raise ValueError("the candidate vocabulary does not list the catalogue exactly once")
    order = np.argsort(position)
    table = {name: values[order] for name, values in merged.items()}
    return CandidateTable(
        keys=table[definition.candidate_key],
        ids=table[definition.candidate_id],
        titles=table[definition.candidate_title],
        features={
            name: values
            for name, values in table.items()
            if name.startswith(f"{preprocessing.CANDIDATE}_")
        },
    )


def transform_batches(
    transform_graph_uri: str, columns: Sequence[str]
) -> Callable[[pa.RecordBatch], Mapping[str, tf.Tensor]]:
    """A function that maps a record batch with `columns` to the transformed features they give."""
    graph = TransformGraph(transform_graph_uri)

    @tf.function(
        autograph=False,
        input_signature=[
            {name: tf.SparseTensorSpec([None, None], graph.column_types[name]) for name in columns}
        ],
    )
    def apply(inputs: Mapping[str, tf.SparseTensor]) -> Mapping[str, tf.Tensor]:
        return graph(inputs)

    def transform(batch: pa.RecordBatch) -> Mapping[str, tf.Tensor]:
        return apply({name: _sparse(batch, name) for name in columns})

    return transform


def _sparse(batch: pa.RecordBatch, name: str) -> tf.SparseTensor:
    """A list column as a SparseTensor [rows, longest list]."""
    column = parquet.column(batch, name)
    offsets = column.offsets.to_numpy()
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(rows)) - np.repeat(offsets[:-1] - offsets[0], lengths)
    values = column.flatten()
    if pa.types.is_large_binary(values.type):
        array = values.to_numpy(zero_copy_only=False)
    else:
        array = values.to_numpy()
    return tf.SparseTensor(
        indices=np.stack([rows, places], axis=1).astype(np.int64),
        values=tf.constant(array, tf.string) if array.dtype == object else array,
        dense_shape=[len(lengths), max(int(lengths.max(initial=0)), 1)],
    )
