"""Checks of the source of data, without the network."""

from __future__ import annotations

import importlib.util
import zipfile
import zlib
from pathlib import Path

from components.datasets.errors import DataError
from components.datasets.fingerprints import file_sha256
from components.datasets.layouts import open_dataset
from components.datasets.sources import extracted_folders
from components.datasets.tfds_archives import VERSIONS, archive_name
from pipeline.doctor.finding import Finding

_SUBJECT = "data"
_PREFIX = "tfds:movielens/"
_REGISTRY = Path("url_checksums") / "movielens.txt"


def check_source(source: str, cache: Path) -> list[Finding]:
    """Whether the files of a source are there and whole.

    Args:
        source: What `--data` takes.
        cache: Folder for downloads and extracted files.
    """
    if not source.startswith("tfds:"):
        return [_given(Path(source))]
    version = source.removeprefix(_PREFIX)
    if version not in VERSIONS:
        known = ", ".join(_PREFIX + name for name in VERSIONS)
        return [Finding(_SUBJECT, "error", f"{source} is not a known source", f"name {known}")]
    archive = cache / archive_name(version)
    found = []
    if archive.exists():
        found.append(_archive(archive, registered_checksum(archive.name)))
    for folder in extracted_folders(cache, version):
        found.append(_extracted(folder, archive))
    if found:
        return found
    return [
        Finding(
            _SUBJECT,
            "note",
            f"{archive.name} is not in {cache} yet; the first run downloads it",
            "without a network, place it there by hand, or name a folder with --data",
        )
    ]


def registered_checksum(name: str) -> str:
    """SHA-256 (hexadecimal) of an archive, as TensorFlow Datasets registers it.

    Read from its file, because to import the package takes seconds.
    """
    found = importlib.util.find_spec("tensorflow_datasets")
    if found is None or not found.submodule_search_locations:
        raise LookupError("tensorflow_datasets is not installed")
    registry = Path(found.submodule_search_locations[0]) / _REGISTRY
    for line in registry.read_text(encoding="utf-8").splitlines():
        address, _, checksum, *_ = line.split()
        if address.endswith(f"/{name}"):
            return checksum
    raise LookupError(f"{registry} has no {name}")


def _given(path: Path) -> Finding:
    try:
        if path.is_file():
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged:
                raise zipfile.BadZipFile(f"{damaged} is damaged")
            return Finding(_SUBJECT, "ok", f"{path} is a whole archive")
        dataset = open_dataset(str(path))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return Finding(
            _SUBJECT, "error", f"{path} is not a whole archive: {error}", "get the archive again"
        )
    except DataError as error:
        return Finding(_SUBJECT, "error", f"{path}: {_problem(error)}", error.remedy)
    return Finding(_SUBJECT, "ok", f"{path}, layout {dataset.layout}")


def _archive(archive: Path, registered: str) -> Finding:
    found = file_sha256(str(archive))
    if found != registered:
        return Finding(
            _SUBJECT,
            "error",
            f"the SHA-256 of {archive} is {found[:12]}, not the registered {registered[:12]}",
            "remove it, and run again or place another there",
        )
    return Finding(_SUBJECT, "ok", f"{archive} has the registered SHA-256 {found[:12]}")


def _extracted(folder: Path, archive: Path) -> Finding:
    remedy = f"remove {folder}: the next run extracts it again"
    try:
        dataset = open_dataset(str(folder))
    except DataError as error:
        return Finding(_SUBJECT, "error", f"{folder}: {_problem(error)}", remedy)
    if archive.exists() and file_sha256(str(archive)) == folder.name.rpartition("-")[2]:
        changed = _changed_files(dataset.files(), archive)
        if changed:
            names = ", ".join(changed)
            sentence = f"{names} in {folder} is not what {archive.name} holds"
            return Finding(_SUBJECT, "error", sentence, remedy)
        return Finding(_SUBJECT, "ok", f"{folder} holds what {archive.name} does")
    return Finding(_SUBJECT, "ok", f"{folder}, layout {dataset.layout}")


def _changed_files(files: list[str], archive: Path) -> list[str]:
    """Names of extracted files whose CRC-32 is not that of the archive."""
    with zipfile.ZipFile(archive) as opened:
        expected = {Path(entry.filename).name: entry.CRC for entry in opened.infolist()}
    return [
        Path(file).name
        for file in files
        if zlib.crc32(Path(file).read_bytes()) != expected.get(Path(file).name)
    ]


def _problem(error: DataError) -> str:
    return f"{error.file} {error.problem}" if error.file else error.problem
