"""Turns what a person names as the source of data into a folder of raw files."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from components.datasets import fallback, tfds_archives
from components.datasets.archives import extract_members
from components.datasets.errors import DataError
from components.datasets.fingerprints import file_sha256, files_sha256
from components.datasets.layouts import WANTED_NAMES, open_dataset
from components.datasets.remote_files import is_uri, local_copy

_PREFIX = "tfds:movielens/"
_ACCEPTED = (
    f"name {', '.join(_PREFIX + version for version in tfds_archives.VERSIONS)},"
    " or the path or URI of a folder, .zip or .whl with the raw files"
)
_VERSION_WITH_FALLBACK = "100k"
_ARCHIVE_ENDINGS = (".zip", ".whl")
_SHA256_LENGTH = 64


@dataclass(frozen=True)
class ResolvedSource:
    """A folder of raw files and where they came from.

    Attributes:
        folder: Absolute path of the folder, for `open_dataset`.
        name: Short name, such as `movielens/100k`.
        description: Origin and layout in one line, for people.
        fingerprint: SHA-256 (hexadecimal) over the names and contents of the files that are read.
        archive_sha256: SHA-256 (hexadecimal) of the archive they were in, or None for a folder.
    """

    folder: str
    name: str
    description: str
    fingerprint: str
    archive_sha256: str | None


def resolve_source(source: str, cache: Path, notify: Callable[[str], None]) -> ResolvedSource:
    """Finds, and where needed downloads and extracts, the raw files of a source.

    Downloads and extractions are kept in `cache`; concurrent calls wait for each other.

    Args:
        source: `tfds:movielens/VERSION` with a version of `tfds_archives.VERSIONS`, or a path or
            URI of a folder, a .zip or a .whl.
        cache: Folder for downloads and extracted files; archives that a person places there
            under their published names, such as `ml-100k.zip`, are used.
        notify: Receives one line if, and only if, the files come from another place than asked.

    Raises:
        DataError: The source is unknown, unreachable, damaged or not a dataset.
    """
    if source.startswith("tfds:"):
        version = source.removeprefix(_PREFIX)
        if version not in tfds_archives.VERSIONS:
            raise DataError("is not a known source", _ACCEPTED, value=source)
        return _resolve_version(version, _prepared(cache), notify)
    if is_uri(source):
        path = local_copy(source, _ARCHIVE_ENDINGS, _prepared(cache))
    else:
        path = Path(source).expanduser()
    if path.is_dir():
        return _described(path.resolve().name, f"the folder {path.name}", path, None)
    if path.is_file() and path.suffix in _ARCHIVE_ENDINGS:
        return _resolve_archive(path, _prepared(cache))
    problem = "is neither a folder nor a .zip or .whl" if path.exists() else "does not exist"
    raise DataError(problem, _ACCEPTED, value=source)


def extracted_folders(cache: Path, version: str) -> list[Path]:
    """Folders in `cache` that were extracted for a version: of GroupLens' archive, or of a copy.

    Args:
        cache: Folder for downloads and extracted files, which need not exist.
        version: One of `tfds_archives.VERSIONS`.
    """
    if not (cache / "extracted").is_dir():
        return []
    labels = (f"ml-{version}", f"copy-ml-{version}")
    found = (_already_extracted(cache, label) for label in labels)
    return [entry[0] for entry in found if entry is not None]


def _prepared(cache: Path) -> Path:
    try:
        (cache / "extracted").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the cache folder cannot be made ({error.strerror})",
            "name a cache folder that can be written to",
            value=str(cache),
        ) from error
    return cache


def _resolve_archive(path: Path, cache: Path) -> ResolvedSource:
    digest = file_sha256(str(path))
    with _locked(cache, "archives"):
        folder = _extracted(cache, "archive", digest)
        if not folder.exists():
            _extract(path, folder, WANTED_NAMES)
    return _described(path.stem, f"the archive {path.name}", folder, digest)


def _resolve_version(version: str, cache: Path, notify: Callable[[str], None]) -> ResolvedSource:
    name = f"movielens/{version}"
    label = f"ml-{version}"
    placed = cache / tfds_archives.archive_name(version)
    with _locked(cache, label):
        found = _already_extracted(cache, label)
        if found is not None:
            return _described(name, f"{placed.name} of GroupLens", *found)
        copied = _already_extracted(cache, f"copy-{label}")
        reason = "it could not be reached before"
        if copied is None or placed.exists():
            try:
                archive = tfds_archives.archive_path(version, cache)
            except tfds_archives.UnreachableError as error:
                reason = str(error)
                copied = _fetch_copy(version, cache, f"copy-{label}", reason)
            else:
                digest = file_sha256(str(archive))
                folder = _extracted(cache, label, digest)
                _extract(archive, folder, WANTED_NAMES)
                return _described(name, f"{placed.name} of GroupLens", folder, digest)
        notify(
            f"GroupLens does not give {placed.name} ({reason}): using the copy of MovieLens"
            f" {version} inside the recbole wheel of the Python package index."
        )
        return _described(name, "the copy in the recbole wheel", *copied)


def _fetch_copy(version: str, cache: Path, label: str, reason: str) -> tuple[Path, str]:
    if version != _VERSION_WITH_FALLBACK:
        raise DataError(
            f"cannot be downloaded, GroupLens does not answer ({reason})",
            f"place {tfds_archives.archive_name(version)} in the folder {cache} by hand, or use"
            f" {_PREFIX}{_VERSION_WITH_FALLBACK} or a path",
            value=_PREFIX + version,
        )
    with tempfile.TemporaryDirectory(dir=cache, prefix=".wheel-") as temporary:
        wheel = fallback.download_wheel(Path(temporary))
        digest = file_sha256(str(wheel))
        folder = _extracted(cache, label, digest)
        _extract(wheel, folder, fallback.WANTED_NAMES)
    return folder, digest


def _extract(archive: Path, folder: Path, wanted: str) -> None:
    extract_members(archive, folder, wanted)
    try:
        open_dataset(str(folder))
    except DataError:
        # Files that are no dataset must not pass for an earlier extraction on the next call.
        shutil.rmtree(folder)
        raise


def _extracted(cache: Path, label: str, digest: str) -> Path:
    return cache / "extracted" / f"{label}-{digest}"


def _already_extracted(cache: Path, label: str) -> tuple[Path, str] | None:
    pattern = re.compile(rf"{re.escape(label)}-([0-9a-f]{{{_SHA256_LENGTH}}})")
    for folder in sorted((cache / "extracted").iterdir()):
        match = pattern.fullmatch(folder.name)
        if match:
            return folder, match[1]
    return None


def _locked(cache: Path, label: str) -> FileLock:
    return FileLock(cache / f".{label}.lock")


def _described(name: str, origin: str, folder: Path, archive_sha256: str | None) -> ResolvedSource:
    dataset = open_dataset(str(folder.resolve()))
    return ResolvedSource(
        folder=dataset.folder,
        name=name,
        description=f"MovieLens from {origin}, layout {dataset.layout}",
        fingerprint=files_sha256(dataset.files()),
        archive_sha256=archive_sha256,
    )
