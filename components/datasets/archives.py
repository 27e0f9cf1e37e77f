"""Takes named files out of a zip or wheel that may be hostile."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from components.datasets.errors import DataError

_CHUNK = 1 << 20
_ENCRYPTED = 0x1
_GET_ANOTHER = "get the archive again from its publisher"


@dataclass(frozen=True)
class Limits:
    """What an archive may cost.

    Attributes:
        members: Most entries in the archive.
        member_bytes: Most bytes of one extracted file.
        total_bytes: Most bytes of all extracted files.
        ratio: Most bytes that one compressed byte may become.
    """

    members: int = 20_000
    member_bytes: int = 2 << 30
    total_bytes: int = 4 << 30
    ratio: int = 100


def extract_members(
    archive: Path, destination: Path, wanted: str, limits: Limits = Limits()
) -> list[str]:
    """Extracts the files with a wanted base name into a new, flat folder.

    The whole archive is refused if any entry, wanted or not, could be meant to write elsewhere.

    Args:
        archive: A .zip or .whl file.
        destination: Folder to create; it appears complete or not at all.
        wanted: Regular expression that must match a whole base name.
        limits: What the archive may cost.

    Returns:
        Base names of the files, in the order of the archive.

    Raises:
        DataError: The archive is missing, damaged, hostile, too large, or holds no wanted file.
        FileExistsError: `destination` exists.
    """
    if destination.exists():
        raise FileExistsError(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=destination.parent, prefix=".extracting-"))
    try:
        names = _extract(archive, temporary, re.compile(wanted), limits)
        # mkdtemp makes folders that no one else may read.
        temporary.chmod(0o755)
        temporary.replace(destination)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return names


def _extract(archive: Path, folder: Path, wanted: re.Pattern[str], limits: Limits) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked_members(archive.name, opened, wanted, limits)
            total = 0
            for name, member in members.items():
                total += _copy(archive.name, opened, member, folder / name, limits)
                if total > limits.total_bytes:
                    raise _refused(archive.name, f"unpacks to more than {limits.total_bytes} bytes")
    except FileNotFoundError as error:
        raise DataError("the archive is missing", _GET_ANOTHER, file=archive.name) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(
            f"is not a complete zip archive ({error})", _GET_ANOTHER, file=archive.name
        ) from error
    return list(members)


def _checked_members(
    archive: str, opened: zipfile.ZipFile, wanted: re.Pattern[str], limits: Limits
) -> dict[str, zipfile.ZipInfo]:
    entries = opened.infolist()
    if len(entries) > limits.members:
        raise _refused(archive, f"holds more than {limits.members} entries")
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        _require_harmless(archive, entry)
        name = entry.filename.rsplit("/", 1)[-1]
        if entry.is_dir() or not wanted.fullmatch(name):
            continue
        if name in members:
            raise _refused(archive, f"holds {name} twice")
        _require_small(archive, entry, limits)
        members[name] = entry
    if not members:
        raise DataError(
            f"holds none of the files that are needed (names that match {wanted.pattern})",
            "use an archive with the raw files of a dataset",
            file=archive,
        )
    if sum(member.file_size for member in members.values()) > limits.total_bytes:
        raise _refused(archive, f"unpacks to more than {limits.total_bytes} bytes")
    return members


def _require_harmless(archive: str, entry: zipfile.ZipInfo) -> None:
    # `orig_filename` is the name before the zip module made it safe for this system.
    name = entry.orig_filename
    if "\0" in name or "\\" in name:
        raise _refused(archive, f"holds the unsafe name {name!r}")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise _refused(archive, f"holds the absolute path {name!r}")
    if ".." in name.split("/"):
        raise _refused(archive, f"holds {name!r}, a path out of its folder")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a symbolic link" if kind == stat.S_IFLNK else "a special file"
        raise _refused(archive, f"holds {name!r}, {what}")
    if entry.flag_bits & _ENCRYPTED:
        raise _refused(archive, f"holds {name!r}, which is encrypted")


def _require_small(archive: str, entry: zipfile.ZipInfo, limits: Limits) -> None:
    if entry.file_size > limits.member_bytes:
        raise _refused(
            archive, f"holds {entry.filename!r} of more than {limits.member_bytes} bytes"
        )
    if entry.file_size > limits.ratio * max(entry.compress_size, 1):
        raise _refused(
            archive, f"holds {entry.filename!r} compressed more than {limits.ratio} times"
        )


def _copy(
    archive: str, opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, limits: Limits
) -> int:
    size = 0
    # The sizes in the directory of a zip may lie: count what really comes out.
    allowed = min(limits.member_bytes, limits.ratio * max(entry.compress_size, 1))
    with opened.open(entry) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > allowed:
                raise _refused(archive, f"holds {entry.filename!r} larger than it declares")
            target.write(chunk)
    return size


def _refused(archive: str, problem: str) -> DataError:
    return DataError(f"is refused because it {problem}", _GET_ANOTHER, file=archive)
