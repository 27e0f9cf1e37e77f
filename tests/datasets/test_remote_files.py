"""Sources that are named by a URI: on TensorFlow's filesystem in memory, and on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from components.datasets.errors import DataError
from components.datasets.sources import resolve_source
from tests.datasets.grouplens_files import write_grouplens_100k


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_grouplens_100k(tmp_path / "data", users=20, movies=30, events=200, seed=1)
    return tmp_path / "data"


def _upload(folder: Path, uri: str) -> None:
    if tf.io.gfile.exists(uri):
        tf.io.gfile.rmtree(uri)  # in memory, a file that is written over keeps some of its content
    tf.io.gfile.makedirs(uri)
    for path in folder.iterdir():
        tf.io.gfile.copy(str(path), f"{uri}/{path.name}", overwrite=True)


def test_a_remote_folder_is_copied_anew_each_time(folder: Path, tmp_path: Path) -> None:
    _upload(folder, "ram://bucket/ratings")
    here = resolve_source(str(folder), tmp_path / "cache", pytest.fail)
    there = resolve_source("ram://bucket/ratings/", tmp_path / "cache", pytest.fail)
    assert there.fingerprint == here.fingerprint
    assert there.name == "ratings"

    with (folder / "u.data").open("a") as stream:
        stream.write("1\t1\t3\t900000000\n")
    _upload(folder, "ram://bucket/ratings")
    changed = resolve_source("ram://bucket/ratings", tmp_path / "cache", pytest.fail)
    assert changed.fingerprint != here.fingerprint
    assert (
        changed.fingerprint
        == resolve_source(f"file://{folder}", tmp_path / "cache", pytest.fail).fingerprint
    )


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("ram://bucket/none", "'ram://bucket/none' cannot be read"),
        ("ram://bucket/none.zip", "'ram://bucket/none.zip' cannot be read"),
        ("nothing://bucket/a", "'nothing://bucket/a' cannot be read"),
        ("file:///no/such/folder", "'file:///no/such/folder' does not exist"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(uri: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        resolve_source(uri, tmp_path / "cache", pytest.fail)
    assert sentence in str(error.value)
    assert list((tmp_path / "cache").glob("fetched/*/*")) == []
