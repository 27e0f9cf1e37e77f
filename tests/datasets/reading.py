"""Reads a whole dataset, as the tests compare it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from components.datasets.layouts import open_dataset


def read_all(
    folder: Path, target_bytes: int = 4 << 20
) -> tuple[pa.Table, pa.Table | None, pa.Table]:
    """The catalogue, the queries and all events of a folder."""
    dataset = open_dataset(str(folder))
    candidates, queries = dataset.read_candidates(), dataset.read_queries()
    blocks = dataset.event_blocks(target_bytes)
    batches = [dataset.read_events(block, candidates, queries) for block in blocks]
    return candidates, queries, pa.Table.from_batches(batches)
