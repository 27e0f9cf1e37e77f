"""Generated data in the layouts of MovieLens; no line comes from MovieLens itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FLAG_ORDER = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]
OCCUPATIONS = [
    "student",
    "technician",
    "writer",
    "none",
    "librarian",
    "doctor",
    "salesman",
    "entertainment",
]
_HALF_STARS = 0.5
_FIRST_SECOND = 880_000_000
_SECONDS_PER_SESSION = 3_600


@dataclass(frozen=True)
class Sample:
    """Rows before they are written.

    Attributes:
        users: Id, age in years, "M" or "F", occupation, zip code.
        movies: Id, title, names of genres in the order of `FLAG_ORDER`.
        events: User id, movie id, rating in whole stars, seconds.
    """

    users: list[tuple[int, int, str, str, str]]
    movies: list[tuple[int, str, list[str]]]
    events: list[tuple[int, int, int, int]]


def make_sample(users: int, movies: int, events: int, seed: int) -> Sample:
    """Users who rate popular movies, and movies of their favourite genre, more often.

    Movies 2 and `movies - 1` share a title, the last movie is never rated, movie 3 has no year
    and movie 4 a title beyond ASCII. No user rates a movie twice.

    Args:
        users: Number of users, at least 1.
        movies: Number of movies, at least 6.
        events: Number of ratings, at most `users * (movies - 1)`.
        seed: The same seed gives the same sample.
    """
    if movies < 6 or not 0 < events <= users * (movies - 1):
        raise ValueError("needs 6 movies and at most users * (movies - 1) events")
    random = np.random.default_rng(seed)
    main_genre = random.integers(1, len(FLAG_ORDER), movies)
    catalogue = []
    for number in range(1, movies + 1):
        flags = {int(main_genre[number - 1]), *random.integers(1, len(FLAG_ORDER), 2).tolist()}
        title = f"Film {number}, The ({1930 + int(random.integers(0, 69))})"
        catalogue.append((number, title, [FLAG_ORDER[flag] for flag in sorted(flags)]))
    catalogue[2] = (3, "unknown", ["unknown"])
    catalogue[3] = (4, "Été à Málaga, L' (1995)", catalogue[3][2])
    catalogue[movies - 2] = (movies - 1, catalogue[1][1], catalogue[movies - 2][2])

    people = [
        (
            number,
            int(random.integers(7, 74)),
            "MF"[int(random.integers(0, 2))],
            OCCUPATIONS[int(random.integers(0, len(OCCUPATIONS)))],
            f"{int(random.integers(0, 100_000)):05d}" if number % 9 else "V3N4P",
        )
        for number in range(1, users + 1)
    ]
    popularity = -0.9 * np.log(random.permutation(movies - 1) + 2.0)
    favourite = random.integers(1, len(FLAG_ORDER), users)
    liked = favourite[:, None] == main_genre[None, :-1]
    # Gumbel noise turns the largest scores into a weighted draw without replacement.
    scores = popularity[None, :] + 2.0 * liked + random.gumbel(size=liked.shape)
    chosen = np.sort(np.argsort(-scores, axis=None)[:events])
    raters, rated = np.unravel_index(chosen, scores.shape)
    stars = np.clip(np.rint(3.2 + liked[raters, rated] + random.normal(0, 0.8, events)), 1, 5)
    start = _FIRST_SECOND + random.integers(0, 15_000_000, users)
    seconds = start[raters] + random.integers(0, 30 * _SECONDS_PER_SESSION, events)
    order = random.permutation(events)
    rows = zip(raters[order] + 1, rated[order] + 1, stars[order], seconds[order], strict=True)
    return Sample(people, catalogue, [(int(u), int(m), int(s), int(t)) for u, m, s, t in rows])


def write_grouplens_100k(folder: Path, users: int, movies: int, events: int, seed: int) -> None:
    """Writes a generated sample (see `make_sample`) as `u.data`, `u.item` and `u.user`."""
    write_100k(folder, make_sample(users, movies, events, seed))


def write_100k(folder: Path, sample: Sample) -> None:
    """Writes `u.data`, `u.item` and `u.user`; creates the folder."""
    items = []
    for number, title, genres in sample.movies:
        flags = ["1" if name in genres else "0" for name in FLAG_ORDER]
        items.append("|".join([str(number), title, "01-Jan-1995", "", "http://x", *flags]))
    _write(folder / "u.item", items, "latin-1")
    _write(folder / "u.user", ["|".join(map(str, user)) for user in sample.users], "latin-1")
    _write(folder / "u.data", ["\t".join(map(str, event)) for event in sample.events])


def write_1m(folder: Path, sample: Sample) -> None:
    """Writes `ratings.dat`, `movies.dat` and `users.dat`; occupations become their position."""
    movies = [f"{number}::{title}::{'|'.join(g)}" for number, title, g in sample.movies]
    _write(folder / "movies.dat", movies, "latin-1")
    users = [
        f"{number}::{gender}::{25 if age < 35 else 35}::{OCCUPATIONS.index(job)}::{zip_code}"
        for number, age, gender, job, zip_code in sample.users
    ]
    _write(folder / "users.dat", users, "latin-1")
    _write(folder / "ratings.dat", ["::".join(map(str, event)) for event in sample.events])


def write_csv(folder: Path, sample: Sample, line_end: str = "\n", mark: str = "") -> None:
    """Writes `ratings.csv` (stars minus a half) and `movies.csv` (titles quoted)."""
    movies = [
        f'{number},"{title}",{"|".join(g).replace("Children" + chr(39) + "s", "Children")}'
        for number, title, g in sample.movies
    ]
    _write(folder / "movies.csv", [mark + "movieId,title,genres", *movies], line_end=line_end)
    events = [f"{u},{m},{stars - _HALF_STARS},{t}" for u, m, stars, t in sample.events]
    header = mark + "userId,movieId,rating,timestamp"
    _write(folder / "ratings.csv", [header, *events], line_end=line_end)


def write_recbole(folder: Path, sample: Sample, name: str = "small") -> None:
    """Writes `NAME.inter`, `NAME.item` and `NAME.user` as RecBole's conversion does."""
    items = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    for number, title, genres in sample.movies:
        match = re.fullmatch(r"(.*) \(([^()]*)\)", title)
        bare, year = match.groups() if match else (title, "")
        items.append(f"{number}\t{bare}\t{year}\t{' '.join(genres)}")
    _write(folder / f"{name}.item", items)
    users = ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
    users += ["\t".join(map(str, user)) for user in sample.users]
    _write(folder / f"{name}.user", users)
    events = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    events += ["\t".join(map(str, event)) for event in sample.events]
    _write(folder / f"{name}.inter", events)


def _write(path: Path, lines: list[str], encoding: str = "utf-8", line_end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + line_end for line in lines).encode(encoding))
