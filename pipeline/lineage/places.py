"""How to tell where artifacts are kept."""

from __future__ import annotations

from pathlib import Path

from components.files import is_remote


def short_place(place: str, output: Path) -> str:
    """A place as told from an output folder on, if it is in there."""
    if not is_remote(place) and Path(place).is_relative_to(output):
        return str(Path(place).relative_to(output))
    return place
