"""Sources: paths, archives placed by hand, and the way out when the publisher is unreachable."""

from __future__ import annotations

import concurrent.futures
import hashlib
import shutil
import subprocess
import sys
import time
import zipfile
from importlib import resources
from pathlib import Path

import pytest
import requests

from components.datasets.errors import DataError
from components.datasets.sources import resolve_source
from tests.datasets.grouplens_files import make_sample, write_100k, write_csv, write_recbole
from tests.datasets.reading import read_all

SAMPLE = make_sample(users=6, movies=8, events=30, seed=7)


def _silent(line: str) -> None:
    raise AssertionError(f"unexpected notice: {line}")


def _zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.iterdir()):
            opened.write(path, prefix + path.name)
    return archive


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network on which no site answers."""

    def refuse(url: str, **_: object) -> None:
        raise requests.ConnectionError(f"no route to {url}")

    monkeypatch.setattr(requests, "get", refuse)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a generated wheel, which pip is told to use instead of a package index."""
    write_recbole(tmp_path / "files", SAMPLE, name="ml-100k")
    index = tmp_path / "index"
    index.mkdir()
    wheel = _zipped(
        tmp_path / "files", index / "recbole-1.2.1-py3-none-any.whl", "recbole/example/ml-100k/"
    )
    information = "recbole-1.2.1.dist-info/"
    with zipfile.ZipFile(wheel, "a") as opened:
        opened.writestr("recbole/__init__.py", "raise RuntimeError('never imported')")
        opened.writestr(
            information + "METADATA", "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n"
        )
        opened.writestr(
            information + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        opened.writestr(information + "RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return wheel


@pytest.fixture
def pinned(index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The generated wheel, with its hash in the place of the pinned one."""
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    requirements = index.parent / "fallback-data.txt"
    requirements.write_text(f"recbole==1.2.1 --hash=sha256:{digest}\n")
    monkeypatch.setattr(resources, "files", lambda package: requirements.parent)
    return index


def test_a_folder(tmp_path: Path) -> None:
    write_100k(tmp_path / "mine", SAMPLE)
    found = resolve_source(str(tmp_path / "mine"), tmp_path / "cache", _silent)
    assert (found.folder, found.name) == (str(tmp_path / "mine"), "mine")
    assert found.archive_sha256 is None
    assert "grouplens-100k" in found.description
    assert not (tmp_path / "cache").exists()


def test_fingerprint_follows_names_and_contents_only(tmp_path: Path) -> None:
    write_100k(tmp_path / "a", SAMPLE)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "u.genre").write_text("not read\n")

    def fingerprint(name: str) -> str:
        return resolve_source(str(tmp_path / name), tmp_path / "cache", _silent).fingerprint

    parts = "".join(
        f"{name}\0{hashlib.sha256((tmp_path / 'a' / name).read_bytes()).hexdigest()}\n"
        for name in ("u.data", "u.item", "u.user")
    )
    assert fingerprint("a") == hashlib.sha256(parts.encode()).hexdigest()
    assert fingerprint("b") == fingerprint("a")
    with (tmp_path / "b" / "u.data").open("a") as stream:
        stream.write("1\t2\t3\t880000000\n")
    assert fingerprint("b") != fingerprint("a")


@pytest.mark.parametrize("ending", [".zip", ".whl"])
def test_an_archive_is_extracted_once(tmp_path: Path, ending: str) -> None:
    write_csv(tmp_path / "files", SAMPLE)
    archive = _zipped(tmp_path / "files", tmp_path / f"mine{ending}", "ml-x/")
    first = resolve_source(str(archive), tmp_path / "cache", _silent)
    made = Path(first.folder).stat().st_ctime_ns
    assert resolve_source(str(archive), tmp_path / "cache", _silent) == first
    assert Path(first.folder).stat().st_ctime_ns == made
    assert first.archive_sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert read_all(Path(first.folder))[2].num_rows == 30


def test_an_archive_without_a_whole_dataset_leaves_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path / "files", SAMPLE)
    (tmp_path / "files" / "movies.csv").unlink()
    archive = _zipped(tmp_path / "files", tmp_path / "mine.zip")
    for _ in range(2):
        with pytest.raises(DataError, match=r"movies\.csv: the file is missing"):
            resolve_source(str(archive), tmp_path / "cache", _silent)
    assert list((tmp_path / "cache" / "extracted").iterdir()) == []


@pytest.mark.parametrize("source", ["tfds:movielens/7m", "tfds:mnist", "/no/such/place"])
def test_unknown_sources_list_what_is_accepted(tmp_path: Path, source: str) -> None:
    with pytest.raises(DataError) as caught:
        resolve_source(source, tmp_path, _silent)
    assert caught.value.value == source
    for accepted in ("tfds:movielens/100k", "tfds:movielens/25m", "folder, .zip or .whl"):
        assert accepted in caught.value.remedy


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"neither a folder nor a \.zip or \.whl"):
        resolve_source(str(tmp_path / "data.tar.gz"), tmp_path, _silent)


def test_an_archive_placed_by_hand_must_have_the_registered_checksum(tmp_path: Path) -> None:
    write_100k(tmp_path / "files", SAMPLE)
    _zipped(tmp_path / "files", tmp_path / "ml-100k.zip", "ml-100k/")
    with pytest.raises(DataError, match="registered size and checksum") as caught:
        resolve_source("tfds:movielens/100k", tmp_path, _silent)
    assert caught.value.file == "ml-100k.zip"
    assert str(tmp_path / "ml-100k.zip") in caught.value.remedy


@pytest.mark.usefixtures("unreachable")
def test_the_wheel_stands_in_when_the_publisher_is_unreachable(
    tmp_path: Path, pinned: Path
) -> None:
    cache, lines = tmp_path / "cache", list[str]()
    first = resolve_source("tfds:movielens/100k", cache, lines.append)
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "ConnectionError" in lines[0]
    assert "recbole" in lines[0]
    assert first.name == "movielens/100k"
    assert first.archive_sha256 == hashlib.sha256(pinned.read_bytes()).hexdigest()
    names = sorted(path.name for path in Path(first.folder).iterdir())
    assert names == ["ml-100k.inter", "ml-100k.item", "ml-100k.user"]
    assert list(cache.glob(".wheel-*")) == []

    write_100k(tmp_path / "raw", SAMPLE)
    assert read_all(Path(first.folder)) == read_all(tmp_path / "raw")

    pinned.unlink()
    started = time.monotonic()
    assert resolve_source("tfds:movielens/100k", cache, lines.append) == first
    assert time.monotonic() - started < 1.0
    assert len(lines) == 2


@pytest.mark.usefixtures("unreachable", "index")
def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither the publisher") as caught:
        resolve_source("tfds:movielens/100k", tmp_path / "cache", _silent)
    assert "ml-100k.zip" in caught.value.remedy
    assert list((tmp_path / "cache" / "extracted").iterdir()) == []


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("version", ["1m", "latest-small", "20m", "25m"])
def test_other_versions_have_no_other_place(tmp_path: Path, version: str) -> None:
    with pytest.raises(DataError, match="GroupLens does not answer") as caught:
        resolve_source(f"tfds:movielens/{version}", tmp_path, _silent)
    assert f"ml-{version}.zip" in caught.value.remedy


@pytest.mark.usefixtures("unreachable", "pinned")
def test_concurrent_calls_share_one_extraction(tmp_path: Path) -> None:
    def resolve(_: int) -> str:
        return resolve_source("tfds:movielens/100k", tmp_path / "cache", lambda line: None).folder

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(resolve, range(4)))
    assert len(folders) == 1
    assert len(list((tmp_path / "cache" / "extracted").iterdir())) == 1


def test_importing_sources_loads_no_tensorflow() -> None:
    code = (
        "import sys, components.datasets.sources;"
        "sys.exit(bool({'tensorflow', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
