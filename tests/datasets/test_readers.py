"""What each layout gives, against expectations written by hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.datasets.layouts import open_dataset
from components.datasets.movielens import GENRES, MOVIELENS, OCCUPATIONS
from components.datasets.raw import EventBlock
from tests.datasets.grouplens_files import (
    Sample,
    make_sample,
    write_1m,
    write_100k,
    write_csv,
    write_grouplens_100k,
    write_recbole,
)
from tests.datasets.reading import read_all

SAMPLE = Sample(
    users=[(7, 17, "F", "none", "02139"), (9, 56, "M", "salesman", "V3N4P")],
    movies=[
        (5, "Première, La (1971)", ["Animation", "Children's", "Comedy"]),
        (2, "Tape: The End (1995) (V)", ["Film-Noir"]),
        (8, "unknown", ["unknown", "Action"]),
        (6, "Première, La (1971)", ["Sci-Fi", "War"]),
    ],
    events=[(9, 8, 4, 880000001), (7, 5, 1, 880000000), (9, 6, 5, 880000002)],
)
MOVIES = [
    {
        "movie_id": "5",
        "movie_title": "Première, La (1971)",
        "movie_genres": [2, 3, 4],
        "movie_release_year": 1971,
    },
    {
        "movie_id": "2",
        "movie_title": "Tape: The End (1995) (V)",
        "movie_genres": [9],
        "movie_release_year": 1995,
    },
    {
        "movie_id": "8",
        "movie_title": "unknown",
        "movie_genres": [17, 0],
        "movie_release_year": None,
    },
    {
        "movie_id": "6",
        "movie_title": "Première, La (1971)",
        "movie_genres": [15, 18],
        "movie_release_year": 1971,
    },
]
USERS = [
    {
        "user_id": "7",
        "user_gender": 0,
        "raw_user_age": 17.0,
        "bucketized_user_age": 1.0,
        "user_occupation_label": 11,
        "user_occupation_text": "none",
        "user_zip_code": "02139",
    },
    {
        "user_id": "9",
        "user_gender": 1,
        "raw_user_age": 56.0,
        "bucketized_user_age": 56.0,
        "user_occupation_label": 14,
        "user_occupation_text": "salesman",
        "user_zip_code": "V3N4P",
    },
]
EVENTS: list[dict[str, Any]] = [
    {"user_id": "9", "movie_id": "8", "user_rating": 4.0, "timestamp": 880000001},
    {"user_id": "7", "movie_id": "5", "user_rating": 1.0, "timestamp": 880000000},
    {"user_id": "9", "movie_id": "6", "user_rating": 5.0, "timestamp": 880000002},
]


def test_100k_layout(tmp_path: Path) -> None:
    write_100k(tmp_path, SAMPLE)
    dataset = open_dataset(str(tmp_path))
    candidates, queries, events = read_all(tmp_path)
    assert dataset.layout == "grouplens-100k"
    assert [Path(path).name for path in dataset.files()] == ["u.data", "u.item", "u.user"]
    assert candidates.schema == MOVIELENS.candidate_schema()
    assert candidates.to_pylist() == MOVIES
    assert queries is not None
    assert queries.schema == MOVIELENS.query_schema()
    assert queries.to_pylist() == USERS
    assert events.schema == MOVIELENS.event_schema()
    assert events.to_pylist() == EVENTS


def test_recbole_layout_gives_the_tables_of_the_raw_files(tmp_path: Path) -> None:
    write_recbole(tmp_path, SAMPLE)
    candidates, queries, events = read_all(tmp_path)
    assert open_dataset(str(tmp_path)).layout == "recbole"
    assert candidates.to_pylist() == MOVIES
    assert queries is not None
    assert queries.to_pylist() == USERS
    assert events.to_pylist() == EVENTS


def test_recbole_layout_without_users(tmp_path: Path) -> None:
    write_recbole(tmp_path, SAMPLE)
    (tmp_path / "small.user").unlink()
    _, queries, events = read_all(tmp_path)
    assert queries is None
    assert events.to_pylist() == EVENTS


def test_recbole_titles_that_its_conversion_changed_are_restored(tmp_path: Path) -> None:
    write_recbole(tmp_path, SAMPLE)
    rows = [
        "267\tunkonwn\tunkonwn\tunknown",
        "1635\tTwo Friends\t1986\tDrama",
        "1636\tTwo Friends\t1986\tDrama",
    ]
    header = (tmp_path / "small.item").read_text().splitlines()[0]
    (tmp_path / "small.item").write_text("\n".join([header, *rows]) + "\n")
    table = open_dataset(str(tmp_path)).read_candidates()
    assert table["movie_title"].to_pylist() == [
        "unknown",
        "Two Friends (1986) ",
        "Two Friends (1986)",
    ]
    assert table["movie_release_year"].to_pylist() == [None, 1986, 1986]


def test_1m_layout(tmp_path: Path) -> None:
    write_1m(tmp_path, SAMPLE)
    candidates, queries, events = read_all(tmp_path)
    assert open_dataset(str(tmp_path)).layout == "grouplens-1m"
    assert candidates.to_pylist() == MOVIES
    assert queries is not None
    # Positions 3 and 6 of the 1m edition's own list of occupations.
    assert queries.to_pylist() == [
        {
            "user_id": "7",
            "user_gender": 0,
            "bucketized_user_age": 25.0,
            "user_occupation_label": 2,
            "user_occupation_text": "clerical/admin",
            "user_zip_code": "02139",
        },
        {
            "user_id": "9",
            "user_gender": 1,
            "bucketized_user_age": 35.0,
            "user_occupation_label": 4,
            "user_occupation_text": "doctor/health care",
            "user_zip_code": "V3N4P",
        },
    ]
    assert events.to_pylist() == EVENTS


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_layout(tmp_path: Path, line_end: str, mark: str) -> None:
    write_csv(tmp_path, SAMPLE, line_end, mark)
    candidates, queries, events = read_all(tmp_path, target_bytes=1)
    assert open_dataset(str(tmp_path)).layout == "grouplens-csv"
    assert candidates.to_pylist() == MOVIES
    assert queries is None
    assert events.to_pylist() == [
        {**row, "user_rating": row["user_rating"] - 0.5} for row in EVENTS
    ]


def test_csv_columns_go_by_their_header(tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text(
        'genres,extra,title,movieId\n(no genres listed)|IMAX,x,"Say ""No"", Now (2001)",3\n'
    )
    (tmp_path / "ratings.csv").write_text("timestamp,rating,movieId,userId\n900000000,0.5,3,11\n")
    candidates, _, events = read_all(tmp_path)
    assert candidates.to_pylist() == [
        {
            "movie_id": "3",
            "movie_title": 'Say "No", Now (2001)',
            "movie_genres": [20, 11],
            "movie_release_year": 2001,
        }
    ]
    assert events.to_pylist() == [
        {"user_id": "11", "movie_id": "3", "user_rating": 0.5, "timestamp": 900000000}
    ]


def test_ages_fall_into_the_groups_of_the_1m_edition(tmp_path: Path) -> None:
    ages = [1, 17, 18, 24, 25, 34, 35, 44, 45, 49, 50, 55, 56, 90]
    users = [(number, age, "M", "other", "1") for number, age in enumerate(ages)]
    write_100k(tmp_path, Sample(users, SAMPLE.movies, SAMPLE.events))
    queries = open_dataset(str(tmp_path)).read_queries()
    assert queries is not None
    expected = [1, 1, 18, 18, 25, 25, 35, 35, 45, 45, 50, 50, 56, 56]
    assert queries["bucketized_user_age"].to_pylist() == expected


def test_a_dataset_in_the_only_sub_folder_is_found(tmp_path: Path) -> None:
    write_100k(tmp_path / "inner", SAMPLE)
    (tmp_path / "other").mkdir()
    assert open_dataset(str(tmp_path)).folder == str(tmp_path / "inner")


def test_datasets_and_blocks_survive_pickling(tmp_path: Path) -> None:
    write_100k(tmp_path, SAMPLE)
    dataset = pickle.loads(pickle.dumps(open_dataset(str(tmp_path))))
    blocks = pickle.loads(pickle.dumps(dataset.event_blocks()))
    assert blocks == [EventBlock("u.data", 0, (tmp_path / "u.data").stat().st_size)]
    batch = dataset.read_events(blocks[0], dataset.read_candidates(), dataset.read_queries())
    assert isinstance(batch, pa.RecordBatch)
    assert batch.to_pylist() == EVENTS


def test_blank_lines_hold_no_rows(tmp_path: Path) -> None:
    write_100k(tmp_path, SAMPLE)
    with (tmp_path / "u.data").open("a") as stream:
        stream.write("\n\n")
    assert read_all(tmp_path, target_bytes=1)[2].to_pylist() == EVENTS


def test_generated_data_is_skewed_and_has_its_special_movies(tmp_path: Path) -> None:
    write_grouplens_100k(tmp_path, users=60, movies=80, events=3000, seed=1)
    candidates, queries, events = read_all(tmp_path)
    assert (candidates.num_rows, events.num_rows) == (80, 3000)
    assert queries is not None
    assert queries.num_rows == 60
    rated = events["movie_id"].to_pylist()
    assert "80" not in rated
    assert candidates["movie_title"][1] == candidates["movie_title"][78]
    assert len(set(zip(events["user_id"].to_pylist(), rated, strict=True))) == 3000
    counts = sorted((rated.count(name) for name in set(rated)), reverse=True)
    assert counts[0] > 1.3 * counts[len(counts) // 2]
    assert make_sample(60, 80, 3000, 1) == make_sample(60, 80, 3000, 1)


def test_labels_are_named_once() -> None:
    assert len(set(GENRES)) == 21
    assert len(set(OCCUPATIONS)) == 22
