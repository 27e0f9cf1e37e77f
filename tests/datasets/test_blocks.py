"""Cutting the events file: any size of block gives the same rows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.datasets.layouts import open_dataset
from tests.datasets.grouplens_files import make_sample, write_100k, write_csv
from tests.datasets.reading import read_all

SAMPLE = make_sample(users=8, movies=9, events=40, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blocks")
    write_csv(folder / "csv", SAMPLE, line_end="\r\n")
    write_100k(folder / "100k", SAMPLE)
    data = folder / "100k" / "u.data"
    data.write_bytes(data.read_bytes().rstrip(b"\n"))
    return folder


@settings(max_examples=60, deadline=None)
@given(target_bytes=st.integers(1, 1200), layout=st.sampled_from(["csv", "100k"]))
def test_any_block_size_gives_the_same_rows(folder: Path, target_bytes: int, layout: str) -> None:
    events = read_all(folder / layout, target_bytes)[2]
    less = 0.5 if layout == "csv" else 0.0
    expected = [
        {"user_id": str(u), "movie_id": str(m), "user_rating": stars - less, "timestamp": t}
        for u, m, stars, t in SAMPLE.events
    ]
    assert events.to_pylist() == expected


@settings(max_examples=60, deadline=None)
@given(target_bytes=st.integers(1, 1200))
def test_blocks_cover_the_file_once_and_end_with_a_line(folder: Path, target_bytes: int) -> None:
    data = (folder / "csv" / "ratings.csv").read_bytes()
    blocks = open_dataset(str(folder / "csv")).event_blocks(target_bytes)
    assert blocks[0].start == data.index(b"\n") + 1
    assert blocks[-1].stop == len(data)
    for block, following in itertools.pairwise(blocks):
        assert block.stop == following.start
    for block in blocks:
        assert data[block.start : block.stop].endswith(b"\n")
        assert block == blocks[-1] or block.stop - block.start >= target_bytes


def test_a_block_must_have_a_size(folder: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        open_dataset(str(folder / "csv")).event_blocks(0)
