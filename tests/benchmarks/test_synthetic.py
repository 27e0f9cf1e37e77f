"""Generated interactions look like MovieLens and do not depend on anything but the seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks import synthetic
from components.datasets.layouts import open_dataset
from components.datasets.raw import RawDataset

_SIZE = synthetic.Size.of_events(60_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic")
    synthetic.write(path, _SIZE, seed=7)
    return path


@pytest.fixture(scope="module")
def raw(folder: Path) -> RawDataset:
    return open_dataset(str(folder))


@pytest.fixture(scope="module")
def events(raw: RawDataset) -> pa.Table:
    candidates = raw.read_candidates()
    blocks = [raw.read_events(block, candidates, None) for block in raw.event_blocks()]
    return pa.Table.from_batches(blocks)


def _counts(column: pa.ChunkedArray) -> np.ndarray:
    return np.unique(column.to_numpy().astype(str), return_counts=True)[1]


def _gini(counts: np.ndarray) -> float:
    """Half the mean difference of all pairs over the mean, from its definition."""
    differences = np.abs(counts[:, None].astype(float) - counts[None, :])
    return float(differences.mean() / (2 * counts.mean()))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_layout_is_recognised(raw: RawDataset, events: pa.Table) -> None:
    assert raw.layout == "grouplens-csv"
    candidates = raw.read_candidates()
    assert len(candidates) == _SIZE.movies
    assert candidates.column(raw.definition.candidate_key).null_count == 0
    assert len(set(candidates.column(raw.definition.candidate_key).to_pylist())) == _SIZE.movies
    assert candidates.column("movie_release_year").null_count == 0
    assert len(events) == _SIZE.events


def test_one_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    synthetic.write(tmp_path / "same", _SIZE, seed=7)
    synthetic.write(tmp_path / "other", _SIZE, seed=8)
    for name in ("ratings.csv", "movies.csv"):
        assert (tmp_path / "same" / name).read_bytes() == (folder / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


def test_activity_is_skewed_above_a_minimum(raw: RawDataset, events: pa.Table) -> None:
    counts = _counts(events.column(raw.definition.query_id))
    assert len(counts) == _SIZE.users
    assert counts.min() >= synthetic.LEAST_EVENTS_PER_USER
    assert counts.max() <= _SIZE.most_per_user
    # MovieLens 100k has .47, latest-small .60.
    assert 0.4 < _gini(counts) < 0.65


def test_popularity_has_a_long_tail(raw: RawDataset, events: pa.Table) -> None:
    counts = np.sort(_counts(events.column(raw.definition.candidate_id)))[::-1]
    # MovieLens 100k has .63, latest-small .72.
    assert 0.5 < _gini(counts) < 0.75
    assert counts[: len(counts) // 10].sum() > 0.33 * _SIZE.events


def test_nobody_rates_a_movie_twice(raw: RawDataset, events: pa.Table) -> None:
    users = events.column(raw.definition.query_id).to_pylist()
    movies = events.column(raw.definition.candidate_id).to_pylist()
    assert len(set(zip(users, movies, strict=True))) == _SIZE.events


def test_ratings_are_half_stars_and_times_come_in_sessions(
    raw: RawDataset, events: pa.Table
) -> None:
    ratings = events.column(raw.definition.event_weight).to_numpy()
    assert set(np.unique(2 * ratings)) <= set(range(1, 11))
    users = events.column(raw.definition.query_id).to_numpy().astype(str)
    times = events.column(raw.definition.event_time).to_numpy()
    order = np.lexsort([times, users])
    same_user = users[order][1:] == users[order][:-1]
    gaps = np.diff(times[order])[same_user]
    assert np.median(gaps) < 600
    assert np.mean(gaps > 86_400) > 0.005


def test_full_users_end_with_exact_counts(tmp_path: Path) -> None:
    size = synthetic.Size(events=2_000, users=20, movies=200)
    synthetic.write(tmp_path, size, seed=1)
    lines = _text(tmp_path / "ratings.csv").splitlines()[1:]
    pairs = {tuple(line.split(",")[:2]) for line in lines}
    assert len(lines) == len(pairs) == size.events
    counts = np.unique([user for user, _ in pairs], return_counts=True)[1]
    assert counts.tolist() == [size.most_per_user] * size.users


@pytest.mark.parametrize(("events", "users", "movies"), [(99, 5, 200), (1_001, 5, 400), (20, 0, 9)])
def test_impossible_sizes_are_refused(events: int, users: int, movies: int) -> None:
    with pytest.raises(ValueError, match=r"hold \d+ to \d+ events, not"):
        synthetic.Size(events=events, users=users, movies=movies)
