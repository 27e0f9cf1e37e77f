"""Reads Examples through the transform graph into arrays that training can shuffle at will."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples import parquet
from components.examples.columns import (
    CANDIDATE_ALIASES,
    HISTORY,
    HISTORY_TIMES,
    SEEN_CANDIDATES,
)
from components.examples.hashing import candidate_hash
from components.transform import preprocessing
from components.transform.graph import TransformGraph


@dataclasses.dataclass(frozen=True)
class Lists:
    """A list of integers per row, one after the other.

    Attributes:
        values: All of them [any], int64.
        splits: Where those of each row begin and end in `values` [n + 1], int64.
    """

    values: np.ndarray
    splits: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Lists]) -> Lists:
        """The rows of several, one after the other."""
        nothing = np.zeros(0, np.int64)
        lengths = np.concatenate([nothing, *(np.diff(part.splits) for part in parts)])
        values = np.concatenate([nothing, *(part.values for part in parts)])
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]))

    def ragged(self) -> tf.RaggedTensor:
        """The lists [n, any]."""
        return tf.RaggedTensor.from_row_splits(self.values, self.splits, validate=False)


@dataclasses.dataclass(frozen=True)
class Interactions:
    """Positive pairs of one split, and what is known when each of them happens.

    Attributes:
        query: Positions in the query vocabulary [n], int64; `UNKNOWN` for a query not in train.
        candidate: Positions in the candidate vocabulary [n], int64.
        time: When it happens [n], int64.
        history: Candidates of the query's events strictly before it, oldest first; no row at all
            where they were not read, nor of the others.
        history_times: When each of those happened.
        seen: Candidates that the query must not be served; empty lists in train.
        features: Transformed query features by name, each [n] or [n, labels].
    """

    query: np.ndarray
    candidate: np.ndarray
    time: np.ndarray
    history: Lists
    history_times: Lists
    seen: Lists
    features: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.query)


@dataclasses.dataclass(frozen=True)
class CandidateTable:
    """The catalogue in the order of the candidate vocabulary.

    Attributes:
        keys: Candidate keys [n], bytes: the vocabulary itself.
        ids: Candidate ids [n], bytes.
        titles: Titles [n], bytes.
        aliases: Every raw id that carries the key of a candidate [n], lists of bytes.
        features: Transformed candidate features by name, each [n] or [n, labels].
    """

    keys: np.ndarray
    ids: np.ndarray
    titles: np.ndarray
    aliases: np.ndarray
    features: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def positions_of_ids(self) -> tuple[np.ndarray, np.ndarray]:
        """Every raw candidate id, bytes, and its position, int64."""
        lengths = [len(names) for names in self.aliases]
        return np.concatenate(self.aliases), np.repeat(np.arange(len(self)), lengths)


def load_interactions(
    examples_uri: str,
    split: str,
    transform_graph_uri: str,
    definition: DatasetDefinition,
    candidates: CandidateTable,
    with_history: bool,
) -> Interactions:
    """Reads a split through the transform graph.

    Args:
        examples_uri: Examples artifact of the interactions.
        split: Name of the split.
        transform_graph_uri: TransformGraph artifact.
        definition: The dataset's definition.
        candidates: The catalogue, to recognise the candidates that lists name by hash.
        with_history: Whether to read histories, seen candidates and query features.
    """
    transformed = [definition.query_id, definition.candidate_key]
    listed = [HISTORY, HISTORY_TIMES, SEEN_CANDIDATES] if with_history else []
    if with_history:
        transformed += definition.context_features()
    transform = transform_batches(transform_graph_uri, transformed)
    position_of = _PositionOfHash(candidates.keys)
    features = [f"{preprocessing.QUERY}_{name}" for name in transformed[2:]]
    parts: dict[str, list[Any]] = collections.defaultdict(list)
    columns = [*transformed, definition.event_time, *listed]
    for batch in parquet.read_split(examples_uri, split, columns):
        for name, value in transform(batch).items():
            if name in (preprocessing.QUERY, preprocessing.CANDIDATE, *features):
                parts[name].append(value.numpy())
        time = parquet.column(batch, definition.event_time).flatten()
        parts[definition.event_time].append(time.to_numpy())
        for name in listed:
            lists = _lists(parquet.column(batch, name))
            if name != HISTORY_TIMES:
                lists = Lists(position_of(lists.values), lists.splits)
            parts[name].append(lists)
    return Interactions(
        query=np.concatenate(parts[preprocessing.QUERY]),
        candidate=np.concatenate(parts[preprocessing.CANDIDATE]),
        time=np.concatenate(parts[definition.event_time]),
        history=Lists.joined(parts[HISTORY]),
        history_times=Lists.joined(parts[HISTORY_TIMES]),
        seen=Lists.joined(parts[SEEN_CANDIDATES]),
        features={name: np.concatenate(parts[name]) for name in features},
    )


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
    for batch in parquet.read_split(candidates_uri, split, [*columns, CANDIDATE_ALIASES]):
        features = transform(batch)
        part = {
            name: value.numpy()
            for name, value in features.items()
            if name.startswith(preprocessing.CANDIDATE)
        }
        for name in named:
            part[name] = np.array(parquet.column(batch, name).flatten().to_pylist(), dtype=object)
        aliases = np.empty(len(batch), dtype=object)
        aliases[:] = parquet.column(batch, CANDIDATE_ALIASES).to_pylist()
        parts.append({**part, CANDIDATE_ALIASES: aliases})
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
        aliases=table.pop(CANDIDATE_ALIASES),
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


class _PositionOfHash:
    """Finds candidates by their hash.

    Args:
        keys: Candidate keys [N], bytes, in the order of the vocabulary.
    """

    def __init__(self, keys: np.ndarray) -> None:
        hashes = candidate_hash(keys)
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def __call__(self, hashes: np.ndarray) -> np.ndarray:
        """Positions [n], int64, of hashes [n], all of them in the catalogue."""
        distinct, inverse = np.unique(hashes, return_inverse=True)
        return self._order[np.searchsorted(self._hashes, distinct)][inverse]


def _lists(column: pa.Array) -> Lists:
    offsets = np.zeros(len(column) + 1, np.int64)
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    np.cumsum(lengths, out=offsets[1:])
    return Lists(column.flatten().to_numpy(), offsets)


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
