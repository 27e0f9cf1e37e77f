"""Recognises the layout of a folder of raw files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.datasets import layout_1m, layout_100k, layout_csv
from components.datasets.errors import DataError
from components.datasets.layout_1m import GroupLens1m
from components.datasets.layout_100k import GroupLens100k
from components.datasets.layout_csv import GroupLensCsv
from components.datasets.layout_recbole import RecBole
from components.datasets.raw import RawDataset
from components.datasets.text_files import missing_file

# Base names of every file that some layout reads, for what is taken out of archives.
WANTED_NAMES = r"u\.(data|item|user)|(ratings|movies|users)\.dat|(ratings|movies)\.csv"
WANTED_NAMES += r"|[A-Za-z0-9_.-]+\.(inter|item|user)"

ACCEPTED = (
    "u.data, u.item and u.user (grouplens-100k); ratings.dat, movies.dat and users.dat"
    " (grouplens-1m); ratings.csv and movies.csv (grouplens-csv);"
    " NAME.inter, NAME.item and perhaps NAME.user (recbole)"
)
_MOST_NAMES_SHOWN = 8


@dataclass(frozen=True)
class _Layout:
    files: tuple[str, ...]
    open: Callable[[str], RawDataset]


_FIXED_LAYOUTS = (
    _Layout(layout_100k.FILES, GroupLens100k),
    _Layout(layout_1m.FILES, GroupLens1m),
    _Layout(layout_csv.FILES, GroupLensCsv),
)


def open_dataset(folder: str) -> RawDataset:
    """Recognises the layout of a folder, or of the one sub-folder that has a layout.

    Args:
        folder: Folder of raw files.

    Raises:
        DataError: There is no such folder, it holds no layout or more than one, or a file of the
            layout is missing.
    """
    if not Path(folder).is_dir():
        raise DataError("is not a folder", f"name a folder with {ACCEPTED}", value=folder)
    places = [folder]
    if not _matches(folder):
        places = [str(entry) for entry in sorted(Path(folder).iterdir()) if entry.is_dir()]
    found = [dataset for place in places for dataset in _matches(place)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{dataset.layout} in {dataset.folder}" for dataset in found)
        raise DataError(
            f"holds more than one dataset ({names})", "name the folder of one", value=folder
        )
    for place in [folder, *places]:
        _reject_partial(place)
    present = sorted(_names(folder))
    shown = ", ".join(present[:_MOST_NAMES_SHOWN]) or "nothing"
    if len(present) > _MOST_NAMES_SHOWN:
        shown += f" and {len(present) - _MOST_NAMES_SHOWN} more"
    raise DataError(
        f"is not a MovieLens folder, it holds {shown}",
        f"name a folder with {ACCEPTED}",
        value=folder,
    )


def _names(folder: str) -> set[str]:
    return {entry.name for entry in Path(folder).iterdir()}


def _matches(folder: str) -> list[RawDataset]:
    names = _names(folder)
    found = [layout.open(folder) for layout in _FIXED_LAYOUTS if names.issuperset(layout.files)]
    for name in sorted(names):
        stem, ending = Path(name).stem, Path(name).suffix
        if ending == ".inter" and f"{stem}.item" in names:
            found.append(RecBole(folder, stem, has_users=f"{stem}.user" in names))
    return found


def _reject_partial(folder: str) -> None:
    names = _names(folder)
    for layout in _FIXED_LAYOUTS:
        missing = [name for name in layout.files if name not in names]
        if len(missing) < len(layout.files):
            raise missing_file(missing[0])
    for name in sorted(names):
        stem, ending = Path(name).stem, Path(name).suffix
        if ending in (".inter", ".item"):
            raise missing_file(f"{stem}.item" if ending == ".inter" else f"{stem}.inter")
