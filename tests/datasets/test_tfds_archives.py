"""Registered archives through the real download manager, against a server on this machine."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.datasets.errors import DataError
from components.datasets.sources import resolve_source
from tests.datasets.grouplens_files import make_sample, write_100k
from tests.datasets.reading import read_all

pytest.importorskip("tensorflow_datasets")

SAMPLE = make_sample(users=6, movies=8, events=30, seed=9)
SOURCE = "tfds:movielens/100k"


def _silent(line: str) -> None:
    raise AssertionError(f"unexpected notice: {line}")


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small archive that a server gives and that is registered under its size and checksum."""
    from tensorflow_datasets.core.download import checksums
    from tensorflow_datasets.core.utils import Size
    from tensorflow_datasets.structured.movielens import Movielens

    write_100k(tmp_path / "files", SAMPLE)
    site = tmp_path / "site"
    site.mkdir()
    archive = site / "ml-100k.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted((tmp_path / "files").iterdir()):
            opened.write(path, f"ml-100k/{path.name}")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_QuietHandler, directory=str(site))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/{archive.name}"
    data = archive.read_bytes()
    info = checksums.UrlInfo(
        size=Size(len(data)), checksum=hashlib.sha256(data).hexdigest(), filename=archive.name
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Movielens.builder_configs["100k-ratings"], "_download_url", url)
    monkeypatch.setattr(checksums, "get_all_url_infos", lambda: {url: info})
    yield archive
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_registered_archive_is_downloaded_and_extracted_once(
    tmp_path: Path, published: Path
) -> None:
    cache = tmp_path / "cache"
    first = resolve_source(SOURCE, cache, _silent)
    assert first.name == "movielens/100k"
    assert first.archive_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    assert read_all(Path(first.folder)) == read_all(tmp_path / "files")
    assert list(cache.rglob("*.tmp.*")) == []
    published.unlink()
    assert resolve_source(SOURCE, cache, _silent) == first


def test_an_archive_placed_by_hand_is_used_without_the_network(
    tmp_path: Path, published: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    published.rename(cache / published.name)
    found = resolve_source(SOURCE, cache, _silent)
    assert read_all(Path(found.folder)) == read_all(tmp_path / "files")


def test_a_changed_download_is_refused(tmp_path: Path, published: Path) -> None:
    published.write_bytes(published.read_bytes() + b"x")
    with pytest.raises(DataError, match="registered size and checksum") as caught:
        resolve_source(SOURCE, tmp_path / "cache", _silent)
    assert caught.value.file == "ml-100k.zip"
    assert list((tmp_path / "cache" / "extracted").iterdir()) == []
    assert list((tmp_path / "cache").rglob("*.tmp.*")) == []


def test_an_archive_that_is_not_published_counts_as_unreachable(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DataError, match="neither the publisher"):
        resolve_source(SOURCE, tmp_path / "cache", _silent)
