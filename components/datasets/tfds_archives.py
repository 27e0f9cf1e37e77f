"""Archives of MovieLens as TensorFlow Datasets registers them: address, size and checksum."""

from __future__ import annotations

import shutil
from pathlib import Path

from components.datasets.errors import DataError

VERSIONS = ("100k", "1m", "latest-small", "20m", "25m")
CONNECTION_SECONDS = 10.0


class UnreachableError(Exception):
    """The publisher of an archive does not answer."""


def archive_path(version: str, cache: Path) -> Path:
    """The archive of a version, placed by hand, downloaded before, or downloaded now.

    An archive that lies in `cache` under its own name, such as `ml-100k.zip`, is used as it is.

    Args:
        version: One of `VERSIONS`.
        cache: Folder for downloads and for archives placed by hand.

    Returns:
        Path of the archive, whose size and SHA-256 are those that are registered.

    Raises:
        DataError: Size or checksum differ from the registered ones.
        UnreachableError: There is no archive yet and its publisher does not answer in time.
    """
    # Imported here: it takes seconds, and most runs find the data already extracted.
    import requests
    from tensorflow_datasets.core.download import checksums, download_manager, resource, util
    from tensorflow_datasets.structured.movielens import Movielens

    url = Movielens.builder_configs[f"{version}-ratings"].download_url
    downloads = cache / "downloads"
    by_hand = cache / archive_name(version)
    registered = checksums.get_all_url_infos()[url]
    downloaded = downloads / resource.get_dl_fname(url, registered.checksum)
    if not by_hand.exists() and not downloaded.exists():
        _require_answer(url)
    manager = download_manager.DownloadManager(
        download_dir=downloads,
        extract_dir=downloads,
        manual_dir=cache,
        force_checksums_validation=True,
    )
    try:
        return Path(manager.download(url))
    except download_manager.NonMatchingChecksumError as error:
        raise DataError(
            f"does not have the registered size and checksum of movielens/{version}",
            f"remove {by_hand} and run again"
            if by_hand.exists()
            else "the publisher changed the archive, name a folder or archive with the data",
            file=archive_name(version),
        ) from error
    except (requests.RequestException, util.DownloadError) as error:
        raise UnreachableError(f"the download ended early: {error}") from error
    finally:
        for unfinished in downloads.glob("*.tmp.*"):
            shutil.rmtree(unfinished, ignore_errors=True)


def archive_name(version: str) -> str:
    """Name under which a version is published and may be placed in the cache by hand."""
    return f"ml-{version}.zip"


def _require_answer(url: str) -> None:
    """Asks for the archive's headers: the download itself would retry for minutes in silence."""
    import requests

    try:
        with requests.get(url, stream=True, timeout=CONNECTION_SECONDS) as response:
            response.raise_for_status()
    except requests.RequestException as error:
        raise UnreachableError(f"{type(error).__name__}") from error
