"""Real MovieLens files, where a machine has them; none are part of this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.compute as pc
import pytest

from tests.datasets.reading import read_all

_BESIDE = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("RETRIEVAL_TEST_DATA", str(_BESIDE)))


def _folder(name: str) -> Path:
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in RETRIEVAL_TEST_DATA")
    return folder


def test_100k() -> None:
    candidates, queries, events = read_all(_folder("ml-100k"), 300_000)
    assert (candidates.num_rows, events.num_rows) == (1682, 100_000)
    assert queries is not None
    assert queries.num_rows == 943
    assert len(candidates["movie_title"].unique()) == 1664
    assert candidates["movie_release_year"].null_count == 1
    assert pc.sum(events["user_rating"]).as_py() == 352_986
    assert candidates.slice(0, 1).to_pylist() == [
        {
            "movie_id": "1",
            "movie_title": "Toy Story (1995)",
            "movie_genres": [2, 3, 4],
            "movie_release_year": 1995,
        }
    ]


def test_latest_small() -> None:
    candidates, queries, events = read_all(_folder("ml-latest-small"), 300_000)
    assert (candidates.num_rows, events.num_rows) == (9742, 100_836)
    assert queries is None
    assert len(candidates["movie_title"].unique()) == 9737
    assert pc.min(events["user_rating"]).as_py() == 0.5
