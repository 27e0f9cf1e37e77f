"""Every kind of bad input is reported with its file, line, column and value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.datasets.errors import DataError
from tests.datasets.grouplens_files import (
    make_sample,
    write_1m,
    write_100k,
    write_csv,
    write_recbole,
)
from tests.datasets.reading import read_all

SAMPLE = make_sample(users=6, movies=8, events=30, seed=5)
WRITERS: dict[str, Callable[..., None]] = {
    "100k": write_100k,
    "1m": write_1m,
    "csv": write_csv,
    "recbole": write_recbole,
}
LINES = {"u.data": 30, "u.item": 8, "u.user": 6}


def _replaced(path: Path, line: int, new: bytes) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = new
    path.write_bytes(b"".join(lines))


# Layout, file, line, its new bytes; then the column, the value and a part of the problem.
Case = tuple[str, str, int, bytes, str | None, str | None, str]
CASES: list[Case] = [
    ("100k", "u.data", 17, b"1\t2\t3\n", None, None, "3 columns where 4"),
    ("100k", "u.data", 30, b"1\t2", None, None, "2 columns where 4"),
    ("100k", "u.data", 3, b"1\t2\t3\t880000000\t9\n", None, None, "5 columns where 4"),
    ("100k", "u.data", 29, b"x1\t2\t3\t880000000\n", "user_id", "x1", "not an integer"),
    ("100k", "u.data", 2, b"1\t2.0\t3\t880000000\n", "movie_id", "2.0", "not an integer"),
    ("100k", "u.data", 9, b"1\t2\tgood\t880000000\n", "user_rating", "good", "not a number"),
    ("100k", "u.data", 9, b"1\t2\tnan\t880000000\n", "user_rating", "nan", "not a number"),
    ("100k", "u.data", 9, b"1\t2\t1e99\t880000000\n", "user_rating", "1e99", "not a finite"),
    ("100k", "u.data", 7, b"1\t2\t3\tabc\n", "timestamp", "abc", "not an integer"),
    ("100k", "u.data", 7, b"1\t2\t3\t\n", "timestamp", "", "not an integer"),
    ("100k", "u.data", 7, b"1\t2\t3\t" + b"9" * 20 + b"\n", "timestamp", "9" * 20, "64 bits"),
    ("100k", "u.data", 21, b"1\t2\t\x003\t880000000\n", None, None, "NUL byte"),
    ("100k", "u.data", 12, b"1\t999\t3\t880000000\n", "movie_id", "999", "not in the catalogue"),
    ("100k", "u.data", 12, b"77\t2\t3\t880000000\n", "user_id", "77", "not in the list of users"),
    ("100k", "u.item", 5, b"5|Short (1990)\n", None, None, "2 columns where 24"),
    ("100k", "u.item", 5, b"5|A\x00B (1990)" + b"|" * 3 + b"|0" * 19 + b"\n", None, None, "NUL"),
    ("100k", "u.item", 6, b"1|Again (1990)" + b"|" * 3 + b"|0" * 19 + b"\n", "movie_id", "1",
     "second time"),
    ("100k", "u.item", 6, b"6| " + b"|" * 3 + b"|0" * 19 + b"\n", "movie_title", " ",
     "empty title"),
    ("100k", "u.item", 6, b"6|A (1990)" + b"|" * 3 + b"|2" + b"|0" * 18 + b"\n", "Unknown", "2",
     "not 0 or 1"),
    ("100k", "u.user", 4, b"4|x|M|writer|1\n", "raw_user_age", "x", "not an integer"),
    ("100k", "u.user", 4, b"4|9|Q|writer|1\n", "user_gender", "Q", "not known"),
    ("100k", "u.user", 4, b"4|9|M|pirate|1\n", "user_occupation_text", "pirate", "not known"),
    ("100k", "u.user", 4, b"1|9|M|writer|1\n", "user_id", "1", "second time"),
    ("1m", "ratings.dat", 30, b"1::2::3", None, None, "3 columns where 4"),
    ("1m", "ratings.dat", 8, b"1::2::3::soon\n", "timestamp", "soon", "not an integer"),
    ("1m", "ratings.dat", 8, b"77::2::3::8\n", "user_id", "77", "not in the list of users"),
    ("1m", "movies.dat", 2, b"2::A (1990)::Drama|Nope\n", "movie_genres", "Drama|Nope", "'Nope'"),
    ("1m", "users.dat", 2, b"2::M::25::21::1\n", "user_occupation_label", "21", "not an occup"),
    ("csv", "ratings.csv", 31, b"1,2,3.5", None, None, "3 columns where 4"),
    ("csv", "ratings.csv", 18, b"1,2,3.5,4,5\n", None, None, "5 columns where 4"),
    ("csv", "ratings.csv", 18, b"1,tt2,3.5,4\n", "movieId", "tt2", "not an integer"),
    ("csv", "ratings.csv", 18, b"1,2,3.5,4x\n", "timestamp", "4x", "not an integer"),
    ("csv", "ratings.csv", 18, b"1,2,\xe9,4\n", None, None, "byte 0xe9 at position 5"),
    ("csv", "ratings.csv", 18, b"1,900,3.5,4\n", "movieId", "900", "not in the catalogue"),
    ("csv", "movies.csv", 4, b"3,\"Caf\xe9 (1990)\",Drama\n", None, None, "not UTF-8"),
    ("csv", "movies.csv", 4, b"x,\"A (1990)\",Drama\n", "movieId", "x", "not an integer"),
    ("csv", "movies.csv", 4, b"3,\"Open (1990),Drama\n", None, None, "2 columns where 3"),
    ("csv", "movies.csv", 4, b"3,,Drama\n", "title", "", "empty title"),
    ("csv", "movies.csv", 9, b"7,Again (1990),Drama\n", "movieId", "7", "second time"),
    ("csv", "movies.csv", 1, b"movieId,name,genres\n", "title", None, "lacks title"),
    ("csv", "movies.csv", 1, b"movieId,title,title,genres\n", "title", None, "twice"),
    ("csv", "ratings.csv", 1, b"1,2,3.5,4\n", "userId", None, "lacks userId, movieId"),
    ("recbole", "small.inter", 31, b"1\t2\t3\tx\n", "timestamp", "x", "not an integer"),
    ("recbole", "small.inter", 31, b"1\t2\t3\n", None, None, "3 columns where 4"),
    ("recbole", "small.inter", 1, b"user_id:token\titem_id:token\trating:float\n", "timestamp",
     None, "lacks timestamp"),
    ("recbole", "small.item", 3, b"2\t\t1990\tDrama\n", "movie_title", "", "empty title"),
    ("recbole", "small.item", 3, b"2\tA\t1990\tDrama Opera\n", "class", "Drama Opera", "'Opera'"),
    ("recbole", "small.user", 3, b"2\t30\tM\t10\t1\n", "occupation", "10", "not known"),
]  # fmt: skip


@pytest.mark.parametrize("target_bytes", [50, 4 << 20])
@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case[1]}-{case[2]}-{case[6].replace(' ', '_')}"
)
def test_a_bad_line_is_named(tmp_path: Path, case: Case, target_bytes: int) -> None:
    layout, file, line, new, column, value, problem = case
    WRITERS[layout](tmp_path, SAMPLE)
    _replaced(tmp_path / file, line, new)
    with pytest.raises(DataError) as caught:
        read_all(tmp_path, target_bytes)
    error = caught.value
    assert (error.file, error.line, error.column, error.value) == (file, line, column, value)
    assert problem in error.problem
    assert error.remedy


def test_blank_lines_count_as_lines(tmp_path: Path) -> None:
    write_100k(tmp_path, SAMPLE)
    path = tmp_path / "u.data"
    path.write_bytes(b"\n\r\n" + path.read_bytes() + b"1\t999\t3\t880000000\n")
    with pytest.raises(DataError) as caught:
        read_all(tmp_path)
    assert (caught.value.line, caught.value.value) == (33, "999")


@pytest.mark.parametrize(
    ("layout", "file"),
    [
        ("100k", "u.data"),
        ("100k", "u.item"),
        ("100k", "u.user"),
        ("1m", "ratings.dat"),
        ("1m", "users.dat"),
        ("csv", "movies.csv"),
        ("csv", "ratings.csv"),
        ("recbole", "small.item"),
        ("recbole", "small.inter"),
    ],
)
class TestWholeFile:
    """A file that is missing or empty is named; there is no line to name."""

    def test_missing(self, tmp_path: Path, layout: str, file: str) -> None:
        WRITERS[layout](tmp_path, SAMPLE)
        (tmp_path / file).unlink()
        with pytest.raises(DataError, match="missing") as caught:
            read_all(tmp_path)
        assert (caught.value.file, caught.value.line) == (file, None)

    def test_empty(self, tmp_path: Path, layout: str, file: str) -> None:
        WRITERS[layout](tmp_path, SAMPLE)
        (tmp_path / file).write_bytes(b"")
        with pytest.raises(DataError, match="empty") as caught:
            read_all(tmp_path)
        assert (caught.value.file, caught.value.line) == (file, None)


def test_a_header_alone_is_no_data(tmp_path: Path) -> None:
    write_csv(tmp_path, SAMPLE)
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    with pytest.raises(DataError, match="no events"):
        read_all(tmp_path)
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n")
    with pytest.raises(DataError, match="no lines below the header"):
        read_all(tmp_path)


def test_a_folder_without_a_layout_is_described(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"it holds notes\.txt") as caught:
        read_all(tmp_path)
    assert "u.data, u.item and u.user" in caught.value.remedy
    assert "ratings.csv and movies.csv" in caught.value.remedy


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        read_all(tmp_path / "none")


def test_two_datasets_in_one_folder_are_not_guessed_between(tmp_path: Path) -> None:
    write_100k(tmp_path / "a", SAMPLE)
    write_csv(tmp_path / "b", SAMPLE)
    with pytest.raises(DataError, match="more than one dataset"):
        read_all(tmp_path)
