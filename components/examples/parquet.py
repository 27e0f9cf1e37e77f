"""Reads and writes TFX Examples artifacts in Parquet (`PayloadFormat.FORMAT_PARQUET`).

TFX reads such artifacts in whole Arrow batches (`tfx_bsl.tfxio.parquet_tfxio`), where TFRecords
pass through Beam one by one. Every column is a list, as in a tf.Example; its types are those that
`tfx_bsl` derives from a schema: large_list of large_binary, int64 or float32.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

# Small enough for readers in bounded memory, large enough that Python's cost per batch vanishes.
ROWS_PER_GROUP = 65_536
# Beam hands out whole groups: of eval rows, as many as are scored against the catalogue at once.
ROWS_PER_EVAL_GROUP = 2_048
_FILE_SUFFIX = ".parquet"


def example_type(column_type: pa.DataType) -> pa.DataType:
    """Arrow type under which a column of `column_type` is stored in an Examples artifact.

    Raises:
        TypeError: If the type has no counterpart in a tf.Example.
    """
    value = column_type.value_type if _is_list(column_type) else column_type
    if pa.types.is_string(value) or pa.types.is_binary(value) or _is_large_text(value):
        return pa.large_list(pa.large_binary())
    if pa.types.is_integer(value):
        return pa.large_list(pa.int64())
    if pa.types.is_floating(value):
        return pa.large_list(pa.float32())
    raise TypeError(f"a column of type {column_type} cannot be stored in an Examples artifact")


def to_example_column(source: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Turns a plain or list column into the list column of an Examples artifact.

    A null stays null: the feature is missing from that example. TFDV tells that from an empty list.
    """
    array = one_chunk(source)
    target = example_type(array.type)
    if _is_list(array.type):
        lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        values = array.flatten()
    else:
        lengths = array.is_valid().to_numpy(zero_copy_only=False)
        values = array.drop_null() if array.null_count else array
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if pa.types.is_large_binary(target.value_type) and pa.types.is_string(values.type):
        values = values.cast(pa.binary())
    missing = np.append(array.is_null().to_numpy(zero_copy_only=False), False)
    # A list whose first offset is null is null.
    return pa.LargeListArray.from_arrays(
        pa.array(offsets, mask=missing), values.cast(target.value_type)
    )


def column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The column of that name."""
    return batch.column(batch.schema.get_field_index(name))


def select(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """The named columns, in the order in which they are named."""
    arrays = [column(batch, name) for name in columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def one_chunk(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """All values as one array, without a copy if they are one already."""
    if isinstance(values, pa.Array):
        return values
    if values.num_chunks == 1:
        return values.chunk(0)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def missing_column(column_type: pa.DataType, rows: int) -> pa.Array:
    """A list column of `rows` nulls: a feature that no example has."""
    return pa.nulls(rows, example_type(column_type))


def describe_artifact(artifact: standard_artifacts.Examples, splits: Sequence[str]) -> None:
    """Marks an Examples artifact as Parquet with the given splits."""
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    examples_utils.set_payload_format(artifact, example_gen_pb2.PayloadFormat.FORMAT_PARQUET)
    examples_utils.set_file_format(
        artifact, example_gen_pb2.FileFormat.Name(example_gen_pb2.FileFormat.FILE_FORMAT_PARQUET)
    )


def split_folder(artifact_uri: str, split: str) -> str:
    """Folder of one split inside an Examples artifact."""
    return os.path.join(artifact_uri, f"Split-{split}")


def write_shard(
    table: pa.Table, folder: str, shard: int, shards: int, rows_per_group: int = ROWS_PER_GROUP
) -> None:
    """Writes one file of a split; it takes its final name only once it is complete."""
    fileio.makedirs(folder)
    path = os.path.join(folder, f"data-{shard:05d}-of-{shards:05d}{_FILE_SUFFIX}")
    # Beam may run a bundle twice at the same time: the name in progress must be its own.
    unfinished = f"{path}.{os.urandom(4).hex()}.incomplete"
    # Through a buffer: the file objects of TFX's file systems are not those that Arrow asks for.
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, row_group_size=rows_per_group)
    with fileio.open(unfinished, "wb") as stream:
        stream.write(buffer.getvalue().to_pybytes())
    fileio.rename(unfinished, path, overwrite=True)


def read_split(
    artifact_uri: str, split: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the record batches of a split, at most `ROWS_PER_GROUP` rows each, in file order.

    Args:
        artifact_uri: Root of the Examples artifact.
        split: Name of the split.
        columns: Columns to read, in the order wanted; None for all.

    Raises:
        FileNotFoundError: If the artifact has no such split.
    """
    folder = split_folder(artifact_uri, split)
    wanted = list(columns) if columns is not None else None
    paths = sorted(fileio.glob(os.path.join(folder, f"*{_FILE_SUFFIX}")))
    if not paths:
        raise FileNotFoundError(f"no {_FILE_SUFFIX} file in {folder}")
    for path in paths:
        for batch in _open(path).iter_batches(ROWS_PER_GROUP, columns=wanted):
            if batch.num_rows:
                yield select(batch, wanted) if wanted else batch


def count_rows(artifact_uri: str, split: str) -> int:
    """Number of rows of a split, read from the files' footers."""
    rows = 0
    for path in fileio.glob(os.path.join(split_folder(artifact_uri, split), f"*{_FILE_SUFFIX}")):
        rows += _open(path).metadata.num_rows
    return rows


def _open(path: str) -> pq.ParquetFile:
    with fileio.open(path, "rb") as stream:
        return pq.ParquetFile(pa.BufferReader(stream.read()))


def _is_list(column_type: pa.DataType) -> bool:
    return bool(pa.types.is_list(column_type) or pa.types.is_large_list(column_type))


def _is_large_text(column_type: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(column_type) or pa.types.is_large_binary(column_type))
