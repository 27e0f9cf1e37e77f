"""Archives that try to do harm, and those that do not."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from components.datasets.archives import Limits, extract_members
from components.datasets.errors import DataError

WANTED = r"u\.(data|item|user)"
GOOD = {"ml/u.data": b"1\t2\t3\t4\n", "ml/u.item": b"1|A\n", "ml/README": b"read me"}


def _zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return path


def _refusal(tmp_path: Path, archive: Path, limits: Limits | None = None) -> DataError:
    """The error of an extraction that must leave nothing behind."""
    before = sorted(tmp_path.rglob("*"))
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(DataError) as caught:
        extract_members(archive, target / "data", WANTED, limits or Limits())
    assert list(target.iterdir()) == []
    target.rmdir()
    assert sorted(tmp_path.rglob("*")) == before
    assert caught.value.remedy
    return caught.value


def test_only_wanted_files_come_out_flat(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", GOOD)
    names = extract_members(archive, tmp_path / "new" / "data", WANTED)
    assert names == ["u.data", "u.item"]
    assert sorted(path.name for path in (tmp_path / "new").rglob("*")) == [
        "data",
        "u.data",
        "u.item",
    ]
    assert (tmp_path / "new" / "data" / "u.data").read_bytes() == GOOD["ml/u.data"]


def test_an_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(FileExistsError):
        extract_members(_zip(tmp_path / "a.zip", GOOD), tmp_path / "data", WANTED)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../u.user", "a path out of its folder"),
        ("ml/../../evil", "a path out of its folder"),
        ("/etc/u.user", "absolute path"),
        ("C:/u.user", "absolute path"),
        ("ml\\..\\u.user", "unsafe name"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, problem: str) -> None:
    archive = _zip(tmp_path / "a.zip", {**GOOD, name: b"x"})
    assert problem in _refusal(tmp_path, archive).problem


@pytest.mark.parametrize(
    ("kind", "problem"),
    [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "special file"), (stat.S_IFCHR, "special")],
)
def test_links_and_special_files_are_refused(tmp_path: Path, kind: int, problem: str) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        entry = zipfile.ZipInfo("ml/u.user")
        entry.external_attr = (kind | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    assert problem in _refusal(tmp_path, archive).problem


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {**GOOD, "ml/u.user": b"0" * 2_000_000})
    assert "compressed more than 100 times" in _refusal(tmp_path, archive).problem


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"ml/u.user": b"0" * 2_000_000})
    real, lie = (2_000_000).to_bytes(4, "little"), (900).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(real, lie))
    assert _refusal(tmp_path, archive).file == "a.zip"


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (Limits(member_bytes=5), "of more than 5 bytes"),
        (Limits(total_bytes=9), "unpacks to more than 9 bytes"),
        (Limits(members=2), "more than 2 entries"),
    ],
)
def test_sizes_and_counts_are_capped(tmp_path: Path, limits: Limits, problem: str) -> None:
    archive = _zip(tmp_path / "a.zip", GOOD)
    assert problem in _refusal(tmp_path, archive, limits).problem


def test_one_name_in_two_folders_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {**GOOD, "other/u.data": b"x"})
    assert "holds u.data twice" in _refusal(tmp_path, archive).problem


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"u.data": b"x"}, zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    # The flags of the local and of the central header.
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(data))
    assert "encrypted" in _refusal(tmp_path, archive).problem


@pytest.mark.parametrize("kept", [0, 10, 100, 250])
def test_a_truncated_archive_is_refused(tmp_path: Path, kept: int) -> None:
    archive = _zip(tmp_path / "a.zip", GOOD)
    archive.write_bytes(archive.read_bytes()[:kept])
    assert "not a complete zip archive" in _refusal(tmp_path, archive).problem


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", GOOD, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(GOOD["ml/u.item"], b"1|B\n"))
    assert "not a complete zip archive" in _refusal(tmp_path, archive).problem


def test_an_archive_of_other_things_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"README": b"x"})
    assert "none of the files" in _refusal(tmp_path, archive).problem


def test_a_missing_archive(tmp_path: Path) -> None:
    assert "missing" in _refusal(tmp_path, tmp_path / "none.zip").problem
