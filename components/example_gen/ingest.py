"""The Beam part of ExampleGen. Its elements are Arrow batches, never rows.

Events are read in blocks, dealt into shards by the hash of their query, and each shard is sorted,
split, joined with the features of queries and candidates and written as Parquet. A shard holds
whole queries, so whatever needs all events of a query works on one shard in memory.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.datasets.errors import DataError
from components.datasets.raw import EventBlock, RawDataset
from components.example_gen import splits
from components.example_gen.catalogue import Catalogue
from components.examples import parquet
from components.examples.columns import SEEN_CANDIDATES
from components.examples.hashing import candidate_hash, stable_hash

# Rows of a shard are held in memory at once: about 300 bytes each while they are joined.
ROWS_PER_SHARD = 250_000
ERRORS = "errors"


@dataclasses.dataclass(frozen=True)
class Tables:
    """What every worker needs beside the events."""

    raw: RawDataset
    catalogue: Catalogue
    queries: pa.Table | None

    @property
    def definition(self) -> DatasetDefinition:
        """The dataset's definition."""
        return self.raw.definition


class ReadBlock(beam.DoFn):
    """Reads one `EventBlock` into a batch; bad input goes to the output `ERRORS`.

    Errors travel as data because Beam runners keep only the text of an exception.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def process(self, block: EventBlock) -> Iterator[object]:
        """Yields a batch of `definition.event_schema()`, or a tagged DataError."""
        try:
            tables = self._tables
            batch = tables.raw.read_events(block, tables.catalogue.rows, tables.queries)
        except DataError as error:
            yield beam.pvalue.TaggedOutput(ERRORS, error)
            return
        if batch.num_rows:
            yield batch


class DealIntoShards(beam.DoFn):
    """Deals the rows of a batch into (shard, batch) pairs by the hash of the query."""

    def __init__(self, query_id: str, shards: int) -> None:
        self._query_id = query_id
        self._shards = shards

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yields one batch for each shard that has rows in it."""
        hashes = _hashes(parquet.column(batch, self._query_id))
        shard_of_row = (hashes % np.uint64(self._shards)).astype(np.int64)
        for shard in np.unique(shard_of_row):
            # `take` copies: a slice would carry the whole batch through the shuffle.
            yield int(shard), batch.take(pa.array(np.flatnonzero(shard_of_row == shard)))


class WriteShard(beam.DoFn):
    """Sorts, splits, joins and writes one shard."""

    def __init__(
        self,
        tables: Tables,
        spec: splits.SplitSpec,
        bounds: splits.TimeBounds | None,
        shards: int,
        examples_uri: str,
    ) -> None:
        self._tables = tables
        self._spec = spec
        self._bounds = bounds
        self._shards = shards
        self._examples_uri = examples_uri

    def process(
        self, element: tuple[int, Iterable[pa.RecordBatch]]
    ) -> Iterator[collections.Counter[str]]:
        """Writes one file per split that has rows; yields the counts of the shard."""
        shard, batches = element
        events = _sorted_events(pa.Table.from_batches(list(batches)), self._tables.definition)
        codes, repeated = self._assign(events)
        counts = collections.Counter(
            repeated_events=repeated,
            queries=int(pc.count_distinct(events.column(0)).as_py()),
        )
        examples = join_features(events, self._tables)
        examples = examples.set_column(
            examples.column_names.index(SEEN_CANDIDATES),
            SEEN_CANDIDATES,
            seen_candidates(
                queries=events.column(self._tables.definition.query_id),
                keys=_candidate_keys(events, self._tables),
                codes=codes,
            ),
        )
        for code, name in enumerate(splits.SPLIT_NAMES):
            rows = np.flatnonzero(codes == code)
            counts[f"rows_{name}"] = len(rows)
            if len(rows):
                parquet.write_shard(
                    examples.take(pa.array(rows)),
                    parquet.split_folder(self._examples_uri, name),
                    shard,
                    self._shards,
                    parquet.ROWS_PER_EVAL_GROUP if code == splits.EVAL else parquet.ROWS_PER_GROUP,
                )
        yield counts

    def _assign(self, events: pa.Table) -> tuple[np.ndarray, int]:
        definition = self._tables.definition
        queries = _hashes(events.column(definition.query_id))
        keys = _hashes(_candidate_keys(events, self._tables))
        pairs = np.stack([queries, keys], axis=1)
        repeated = len(pairs) - len(np.unique(pairs, axis=0))
        if self._spec.method == "random":
            return splits.assign_random(queries, keys, self._spec), repeated
        if self._spec.method == "temporal":
            assert self._bounds is not None
            times = events.column(definition.event_time).to_numpy()
            return splits.assign_temporal(times, self._bounds), repeated
        return splits.assign_last(queries), repeated


class CountTimes(beam.DoFn):
    """Counts the events of a batch at each time: the input of `splits.temporal_bounds`."""

    def __init__(self, event_time: str) -> None:
        self._event_time = event_time

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (distinct times, their counts)."""
        column = parquet.column(batch, self._event_time)
        yield np.unique(column.to_numpy(), return_counts=True)


def merge_time_counts(
    parts: Iterable[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Adds up (distinct times, counts) pairs; associative, so Beam may combine in any order."""
    parts = list(parts)
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    times, inverse = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    return times, np.bincount(inverse, np.concatenate([part[1] for part in parts])).astype(np.int64)


def sum_counts(counters: Iterable[collections.Counter[str]]) -> collections.Counter[str]:
    """Adds up counters, keeping the names whose count is zero."""
    total: collections.Counter[str] = collections.Counter()
    for counter in counters:
        total.update(counter)
    return total


def join_features(events: pa.Table, tables: Tables) -> pa.Table:
    """Adds the features of query and candidate to events, as columns of an Examples artifact.

    Columns stand in the order of `example_columns`; a feature that the layout lacks is missing.
    """
    definition = tables.definition
    row = tables.catalogue.row_numbers(parquet.one_chunk(events.column(definition.candidate_id)))
    query_row = None
    if tables.queries is not None:
        query_row = pc.index_in(
            parquet.one_chunk(events.column(definition.query_id)),
            value_set=parquet.one_chunk(tables.queries.column(definition.query_id)),
        )
    columns = {}
    for name, column_type in example_columns(definition).items():
        if name in definition.candidate_features:
            column = tables.catalogue.rows.column(name).take(row)
        elif name in definition.query_features:
            if tables.queries is None or name not in tables.queries.column_names:
                columns[name] = parquet.missing_column(column_type, len(events))
                continue
            column = tables.queries.column(name).take(query_row)
        elif name == SEEN_CANDIDATES:
            columns[name] = parquet.missing_column(column_type, len(events))
            continue
        else:
            column = events.column(name)
        columns[name] = parquet.to_example_column(column)
    return pa.table(columns)


def candidate_examples(tables: Tables) -> pa.Table:
    """The catalogue with the columns of `example_columns`: those of queries and events missing.

    Both artifacts share one set of columns so that one Transform analyses them together.
    """
    candidates = tables.catalogue.candidates
    return pa.table(
        {
            name: parquet.to_example_column(candidates.column(name))
            if name in candidates.column_names
            else parquet.missing_column(column_type, len(candidates))
            for name, column_type in example_columns(tables.definition).items()
        }
    )


def example_columns(definition: DatasetDefinition) -> dict[str, pa.DataType]:
    """Name and plain Arrow type of every column of the interactions, sorted by name.

    `tfx_bsl` compares schemas with their order, and a schema file read by TFX has none of its own.
    """
    fields = [
        *definition.event_schema(),
        *definition.query_schema(),
        *definition.candidate_schema(),
    ]
    columns = {field.name: field.type for field in fields}
    columns[SEEN_CANDIDATES] = pa.list_(pa.int64())
    return dict(sorted(columns.items()))


def seen_candidates(
    queries: pa.ChunkedArray, keys: pa.ChunkedArray, codes: np.ndarray
) -> pa.LargeListArray:
    """For each eval event, the distinct candidates of its query's train events.

    Args:
        queries: Query of each event [n], string; the events of one query are adjacent.
        keys: Candidate key of each event [n], string.
        codes: Split code of each event [n], int8.

    Returns:
        Lists [n] of `candidate_hash`; null for other events, which have no use for them.
    """
    encoded = parquet.one_chunk(keys).dictionary_encode()
    key = encoded.indices.to_numpy().astype(np.int64)
    query = np.cumsum(np.append(0, _changes(parquet.one_chunk(queries)))) if len(codes) else key
    number_of_keys = max(len(encoded.dictionary), 1)
    pairs = np.unique((query * number_of_keys + key)[codes == splits.TRAIN])
    start, stop = (np.searchsorted(pairs, bound * number_of_keys) for bound in (query, query + 1))
    lengths = np.where(codes == splits.EVAL, stop - start, 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], lengths)
    hashes = candidate_hash(encoded.dictionary.to_numpy(zero_copy_only=False))
    return pa.LargeListArray.from_arrays(
        pa.array(offsets, mask=np.append(codes != splits.EVAL, False)),
        pa.array(hashes[(pairs % number_of_keys)[positions]], pa.int64()),
    )


def _changes(column: pa.Array) -> np.ndarray:
    """Whether each element but the first differs from the one before it [n - 1]."""
    codes = column.dictionary_encode().indices.to_numpy()
    return codes[1:] != codes[:-1]


def _sorted_events(events: pa.Table, definition: DatasetDefinition) -> pa.Table:
    # Independent of the order in which the shuffle delivered the batches: ties end with the id.
    order = [definition.query_id, definition.event_time, definition.candidate_id]
    return events.sort_by([(name, "ascending") for name in order]).combine_chunks()


def _candidate_keys(events: pa.Table, tables: Tables) -> pa.ChunkedArray:
    row = tables.catalogue.row_numbers(
        parquet.one_chunk(events.column(tables.definition.candidate_id))
    )
    return tables.catalogue.rows.column(tables.definition.candidate_key).take(row)


def _hashes(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Hash of each string [n], uint64; each distinct string is hashed once."""
    encoded = parquet.one_chunk(column).dictionary_encode()
    hashes = stable_hash(encoded.dictionary.to_numpy(zero_copy_only=False))
    return hashes[encoded.indices.to_numpy()]
