"""Headers of files that name their columns in the first line."""

from __future__ import annotations

from components.datasets.errors import DataError


def require_columns(
    file: str, present: tuple[str, ...], required: tuple[str, ...], header: str
) -> None:
    """Checks the columns of a header.

    Args:
        file: Name of the file.
        present: Columns that the header names.
        required: Columns that are needed.
        header: The first line as it is, for the error.

    Raises:
        DataError: A column is missing or named twice.
    """
    missing = [name for name in required if name not in present]
    if missing:
        raise DataError(
            f"the header {header[:80]!r} lacks {', '.join(missing)}",
            f"the first line must name the columns {', '.join(required)}",
            file=file,
            line=1,
            column=missing[0],
        )
    repeated = [name for name in present if present.count(name) > 1]
    if repeated:
        raise DataError(
            "the header names the column twice",
            "give each column its own name",
            file=file,
            line=1,
            column=repeated[0],
        )
