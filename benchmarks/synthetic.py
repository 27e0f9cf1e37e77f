"""Generates interactions with MovieLens-like popularity and activity, in any number.

Command: python -m benchmarks.synthetic --events 1000000 FOLDER

It writes `ratings.csv` and `movies.csv` in the GroupLens CSV layout and prints the seconds that
took. State the processor with its figure: one core does the work. What is alike:

- Movies: popularity falls off as a stretched exponential of the rank; no user rates one twice.
- Users: at least 20 events each, the rest log-normal, as many rows as asked for exactly.
- Taste: each user and each movie has one of 16; a share of the events stays within it.
- Times: each user rates in sessions of at most 90 minutes, days or months apart.

The same arguments give the same bytes with the same version of NumPy.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from benchmarks.popularity import TASTES, Popularity

LEAST_EVENTS_PER_USER = 20

_EVENTS_PER_USER = 150
_GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi"),
)
_ACTIVITY_SIGMA = 1.3
_EVENTS_PER_SESSION = 60
_SESSION_SECONDS = 5_400
_FIRST_SECOND = 820_454_400  # 1996-01-01
_SECONDS_OF_ARRIVALS = 23 * 365 * 86_400
_SECONDS_BETWEEN_SESSIONS = 60 * 86_400
_ROWS_PER_CHUNK = 1_000_000
_ROUNDS = 12


@dataclasses.dataclass(frozen=True)
class Size:
    """How much to generate; raises ValueError if the users and movies cannot hold the events."""

    events: int
    users: int
    movies: int

    def __post_init__(self) -> None:
        least, most = self.users * LEAST_EVENTS_PER_USER, self.users * self.most_per_user
        if self.users < 1 or not least <= self.events <= most:
            raise ValueError(
                f"{self.users} users and {self.movies} movies hold {least} to {most} events,"
                f" not {self.events}"
            )

    @property
    def most_per_user(self) -> int:
        """Most events of one user: half of the catalogue."""
        return self.movies // 2

    @classmethod
    def of_events(cls, events: int, users: int | None = None, movies: int | None = None) -> Size:
        """A size with about the proportions of the MovieLens editions where none are given."""
        return cls(
            events=events,
            users=max(1, events // _EVENTS_PER_USER) if users is None else users,
            movies=max(200, round(5 * events**0.5)) if movies is None else movies,
        )


def write(folder: Path, size: Size, seed: int = 42) -> None:
    """Writes `movies.csv` and `ratings.csv`; creates the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    popularity = Popularity(random, size.movies)
    _write_movies(folder / "movies.csv", random, popularity)
    quality = 3.5 + random.normal(0, 0.4, size.movies)
    activity = _activity(random, size)
    chunks = max(1, round(size.events / _ROWS_PER_CHUNK))
    bounds = np.searchsorted(np.cumsum(activity), np.arange(1, chunks) * size.events / chunks)
    options = pa_csv.WriteOptions(include_header=False)
    with (folder / "ratings.csv").open("wb") as stream:
        stream.write(b"userId,movieId,rating,timestamp\n")
        first = 0
        for counts in np.split(activity, bounds):
            if len(counts):
                table = _events(random, popularity, quality, counts, first)
                pa_csv.write_csv(table, stream, options)
            first += len(counts)


def _activity(random: np.random.Generator, size: Size) -> np.ndarray:
    """Events of each user (int64), which sum to `size.events`."""
    shares = random.lognormal(0, _ACTIVITY_SIGMA, size.users)
    counts = np.full(size.users, LEAST_EVENTS_PER_USER, np.int64)
    while missing := size.events - int(counts.sum()):
        open_shares = np.where(counts < size.most_per_user, shares, 0)
        steps = np.diff(np.rint(missing * np.cumsum(open_shares) / open_shares.sum()), prepend=0)
        counts = np.minimum(counts + steps.astype(np.int64), size.most_per_user)
    return counts


def _pairs(
    random: np.random.Generator, popularity: Popularity, counts: np.ndarray, tastes: np.ndarray
) -> np.ndarray:
    """Sorted `user * movies + movie` (int64), `counts` distinct ones of each user."""
    movies = popularity.movies
    pairs = np.zeros(0, np.int64)
    missing = counts
    for _ in range(_ROUNDS):
        users = np.repeat(np.arange(len(counts)), missing)
        drawn = np.sort(users * movies + popularity.draw(random, tastes[users]))
        # A stable sort merges two sorted runs in linear time.
        pairs = np.sort(np.concatenate([pairs, drawn]), kind="stable")
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        missing = counts - np.bincount(pairs // movies, minlength=len(counts))
        if not missing.any():
            return pairs
    parts = [pairs]
    for user in np.flatnonzero(missing):
        start, stop = np.searchsorted(pairs, [user * movies, (user + 1) * movies])
        seen = pairs[start:stop] - user * movies
        unseen = popularity.draw_unseen(random, int(tastes[user]), seen, int(missing[user]))
        parts.append(user * movies + unseen)
    return np.sort(np.concatenate(parts))


def _events(
    random: np.random.Generator,
    popularity: Popularity,
    quality: np.ndarray,
    counts: np.ndarray,
    first_user: int,
) -> pa.Table:
    """The events of some users, by user and then by movie, as GroupLens orders them."""
    pairs = _pairs(random, popularity, counts, random.integers(0, TASTES, len(counts)))
    users = np.repeat(np.arange(len(counts)), counts)
    movies = pairs - users * popularity.movies
    generosity = random.normal(0, 0.4, len(counts))
    noise = 0.9 * random.standard_normal(len(pairs), np.float32)
    ratings = np.rint(2 * (quality[movies] + generosity[users] + noise)).clip(1, 10) / 2

    sessions = 1 + counts // _EVENTS_PER_SESSION
    first_session = np.cumsum(sessions) - sessions
    starts = random.exponential(_SECONDS_BETWEEN_SESSIONS, int(sessions.sum()))
    starts[first_session] = 0
    arrival = _FIRST_SECOND + random.random(len(counts)) * _SECONDS_OF_ARRIVALS
    starts += np.repeat(arrival, sessions)
    session = first_session[users] + (random.random(len(users)) * sessions[users]).astype(np.int64)
    times = starts[session] + random.random(len(users)) * _SESSION_SECONDS
    return pa.table(
        [first_user + users + 1, movies + 1, ratings, times.astype(np.int64)], list("umrt")
    )


def _write_movies(path: Path, random: np.random.Generator, popularity: Popularity) -> None:
    years = 1930 + random.integers(0, 90, popularity.movies)
    seconds = random.integers(0, TASTES, popularity.movies)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("movieId,title,genres\n")
        rows = zip(years.tolist(), popularity.tastes.tolist(), seconds.tolist(), strict=True)
        for number, (year, main, second) in enumerate(rows, start=1):
            genres = "|".join(_GENRES[genre] for genre in sorted({main, second}))
            stream.write(f'{number},"Film {number}, The ({year})",{genres}\n')


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Generate MovieLens-like interactions.")
    parser.add_argument("folder", type=Path, help="folder to write to")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, help="default: one for each 150 events")
    parser.add_argument("--movies", type=int, help="default: 5 times the root of the events")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    try:
        size = Size.of_events(options.events, options.users, options.movies)
    except ValueError as error:
        parser.error(str(error))
    started = time.perf_counter()
    write(options.folder, size, options.seed)
    seconds = time.perf_counter() - started
    rate = size.events / seconds
    print(f"{size.events} events, {size.users} users, {size.movies} movies", end="")
    print(f" in {seconds:.2f} s ({rate:,.0f} events/s)")


if __name__ == "__main__":
    main()
