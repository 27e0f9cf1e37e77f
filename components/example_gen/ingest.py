"""The Beam part of ExampleGen. Its elements are Arrow batches, never rows.

Events are read in blocks, dealt into shards by the hash of their query, and each shard is sorted,
split, joined with the features of queries and candidates and written as Parquet. A shard holds
whole queries, so whatever needs all events of a query works on one shard in memory.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.datasets.definition import DatasetDefinition
from components.datasets.errors import DataError
from components.datasets.raw import EventBlock, RawDataset
from components.example_gen import histories, splits
from components.example_gen.catalogue import Catalogue
from components.examples import parquet
from components.examples.columns import CANDIDATE_ALIASES, MADE_COLUMNS
from components.examples.hashing import stable_hash

# Rows of a shard are held in memory at once: about 300 bytes each while they are joined, and a
# candidate and a time for each event in their history.
_BYTES_PER_SHARD = 75_000_000
_BYTES_PER_ROW = 300
_BYTES_PER_HISTORY_EVENT = 16
# Where histories may be long, most are not; and many small files are slow to read.
_LEAST_ROWS_PER_SHARD = 20_000
ERRORS = "errors"


def rows_per_shard(history_length: int) -> int:
    """Number of rows of a shard that fits in memory if every history is of that length."""
    bytes_per_row = _BYTES_PER_ROW + _BYTES_PER_HISTORY_EVENT * history_length
    return max(_BYTES_PER_SHARD // bytes_per_row, _LEAST_ROWS_PER_SHARD)


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
        by_shard = np.argsort(shard_of_row, kind="stable")
        shards, first = np.unique(shard_of_row[by_shard], return_index=True)
        for shard, rows in zip(shards, np.split(by_shard, first[1:]), strict=True):
            # `take` copies: a slice would carry the whole batch through the shuffle.
            yield int(shard), batch.take(pa.array(rows))


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
        definition = self._tables.definition
        events = _sorted_events(pa.Table.from_batches(list(batches)), definition)
        queries = _hashes(events.column(definition.query_id))
        keys = _hashes(_candidate_keys(events, self._tables))
        times = events.column(definition.event_time).to_numpy()
        codes = self._assign(queries, keys, times)
        pairs = np.stack([queries, keys], axis=1)
        counts = collections.Counter(
            repeated_events=len(pairs) - len(np.unique(pairs, axis=0)),
            queries=len(np.unique(queries)),
        )
        hashed = histories.SortedEvents(queries, keys.view(np.int64), times, codes)
        examples = join_features(events, self._tables)
        for code, name in enumerate(splits.SPLIT_NAMES):
            rows = np.flatnonzero(codes == code)
            counts[f"rows_{name}"] = len(rows)
            if len(rows):
                # Here, so that no more than the lists of one split are in memory.
                lists = histories.list_columns(hashed, code, self._spec)
                parquet.write_shard(
                    _with_columns(examples.take(pa.array(rows)), lists),
                    parquet.split_folder(self._examples_uri, name),
                    shard,
                    self._shards,
                    parquet.ROWS_PER_EVAL_GROUP if code == splits.EVAL else parquet.ROWS_PER_GROUP,
                )
        yield counts

    def _assign(self, queries: np.ndarray, keys: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Split codes [n], int8, of sorted events."""
        if self._spec.method == "random":
            return splits.assign_random(queries, keys, self._spec)
        if self._spec.method == "temporal":
            assert self._bounds is not None
            return splits.assign_temporal(times, self._bounds)
        return splits.assign_last(queries, self._spec)


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

    Columns stand in the order of `example_columns`; a feature that the layout lacks is missing, and
    so are `MADE_COLUMNS`.
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
        elif name in MADE_COLUMNS:
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
    columns |= dict.fromkeys(MADE_COLUMNS, pa.list_(pa.int64()))
    columns[CANDIDATE_ALIASES] = pa.list_(pa.string())
    return dict(sorted(columns.items()))


def _with_columns(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """The table with some of its columns replaced."""
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return table


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
