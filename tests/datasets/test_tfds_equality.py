"""The readers give what the TensorFlow Datasets builder gives, row by row."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.datasets.movielens import MOVIELENS
from tests.datasets.grouplens_files import make_sample, write_1m, write_100k, write_csv
from tests.datasets.reading import read_all

SAMPLE = make_sample(users=12, movies=15, events=90, seed=11)
WRITERS = {"100k": write_100k, "1m": write_1m, "latest-small": write_csv}


def _builder_rows(folder: Path, archive: Path, version: str, table: str) -> list[dict[str, Any]]:
    """All examples of the real builder, prepared from an archive that is given by its path.

    A path in the place of the address has no registered checksum, so that a small one will do.
    """
    from tensorflow_datasets.core.dataset_utils import as_numpy
    from tensorflow_datasets.core.download import DownloadConfig
    from tensorflow_datasets.structured.movielens import Movielens, MovieLensConfig

    registered = Movielens.builder_configs[f"{version}-{table}"]
    config = MovieLensConfig(
        name=f"small-{registered.name}",
        version=registered.version,
        format_version=version,
        table_option=table,
        download_url=str(archive),
        parsing_fn=registered.parsing_fn,
    )
    builder = Movielens(config=config, data_dir=str(folder / "tfds"))
    builder.download_and_prepare(download_config=DownloadConfig(try_download_gcs=False))
    return [_plain(row) for row in as_numpy(builder.as_dataset(split="train"))]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    plain = {}
    for name, value in row.items():
        item = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        plain[name] = item.decode() if isinstance(item, bytes) else item
    return plain


def _order(row: dict[str, Any]) -> tuple[str, str]:
    return row.get("user_id", ""), row["movie_id"]


def _joined(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Movies, and events with the features of their movie and user, without the added year."""
    candidates, queries, events = read_all(folder)
    year = next(name for name in candidates.column_names if name.endswith("_year"))
    movies = candidates.drop([year]).to_pylist()
    by_movie = {row[MOVIELENS.candidate_id]: row for row in movies}
    by_user = {row[MOVIELENS.query_id]: row for row in queries.to_pylist()} if queries else {}
    rated = [
        {**row, **by_movie[row["movie_id"]], **by_user.get(row["user_id"], {})}
        for row in events.to_pylist()
    ]
    return movies, rated


@pytest.mark.parametrize("version", list(WRITERS))
def test_all_features_equal_those_of_the_builder(tmp_path: Path, version: str) -> None:
    pytest.importorskip("tensorflow_datasets")
    files = tmp_path / f"ml-{version}"
    sample = SAMPLE
    if version != "100k":
        # Only the 100k edition has a genre of that name, and the builder refuses it elsewhere.
        movies_known = [
            (n, title, ["Drama" if g == "unknown" else g for g in genres])
            for n, title, genres in SAMPLE.movies
        ]
        sample = dataclasses.replace(SAMPLE, movies=movies_known)
    WRITERS[version](files, sample)
    archive = tmp_path / f"ml-{version}.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(files.iterdir()):
            opened.write(path, f"ml-{version}/{path.name}")
    movies, rated = _joined(files)

    expected_movies = _builder_rows(tmp_path, archive, version, "movies")
    assert sorted(movies, key=_order) == sorted(expected_movies, key=_order)

    expected = _builder_rows(tmp_path, archive, version, "ratings")
    assert len(expected) == 90
    # Strict: the same columns, the same values; the gender alone is 0/1 where TFDS says a bool.
    assert sorted(rated, key=_order) == sorted(expected, key=_order)
    assert len({_order(row) for row in expected}) == 90
