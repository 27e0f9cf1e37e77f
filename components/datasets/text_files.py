"""Bytes of text files: whole files, first lines, and ranges aligned to line ends."""

from __future__ import annotations

import os
from pathlib import Path

from components import files
from components.datasets.delimited import TextBlock
from components.datasets.errors import DataError
from components.datasets.raw import EventBlock

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_HEADER = 1 << 16
_EXTRACT_AGAIN = "extract the file again from the original archive"


def missing_file(name: str) -> DataError:
    """The DataError for a file that is not there."""
    return DataError("the file is missing", _EXTRACT_AGAIN, file=name)


def _empty(name: str, what: str) -> DataError:
    return DataError(what, _EXTRACT_AGAIN, file=name)


def read_header(folder: str, name: str, encoding: str = "utf-8") -> tuple[str, int]:
    """The first line of a file.

    Args:
        folder: Folder of the file.
        name: Name of the file.
        encoding: Encoding of the line.

    Returns:
        The line without byte order mark and line end, and the offset of the byte after it.

    Raises:
        DataError: The file is missing, empty or does not start with a line of text.
    """
    try:
        with Path(folder, name).open("rb") as stream:
            line = stream.readline(_LONGEST_HEADER)
    except FileNotFoundError as error:
        raise missing_file(name) from error
    if not line:
        raise _empty(name, "the file is empty")
    try:
        text = line.removeprefix(_BYTE_ORDER_MARK).decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"the header is not {encoding.upper()}",
            f"convert the file to {encoding.upper()}",
            file=name,
            line=1,
        ) from error
    return text.rstrip("\r\n"), len(line)


def read_whole(folder: str, name: str, start: int = 0) -> TextBlock:
    """All lines of a file from a byte offset on, which must be 0 or follow the first line.

    Raises:
        DataError: The file is missing, or holds no lines.
    """
    try:
        with Path(folder, name).open("rb") as stream:
            stream.seek(start)
            data = stream.read()
    except FileNotFoundError as error:
        raise missing_file(name) from error
    if not data.strip(b"\r\n"):
        raise _empty(name, "there are no lines below the header" if start else "the file is empty")
    return TextBlock(file=name, data=data, first_line=lambda: 1 if start == 0 else 2)


def split_blocks(folder: str, name: str, start: int, target_bytes: int) -> list[EventBlock]:
    """Cuts a file from a byte offset on into ranges that end with a line.

    Args:
        folder: Folder of the file.
        name: Name of the file.
        start: Offset of the first line that counts.
        target_bytes: Least size of a range in bytes.

    Raises:
        DataError: The file is missing, or holds no lines from `start` on.
        ValueError: `target_bytes` is below 1.
    """
    if target_bytes < 1:
        raise ValueError(f"target_bytes must be at least 1, not {target_bytes}")
    blocks = []
    try:
        with Path(folder, name).open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            position = start
            while position < size:
                stream.seek(min(position + target_bytes, size) - 1)
                stream.readline()
                blocks.append(EventBlock(name, position, stream.tell()))
                position = stream.tell()
    except FileNotFoundError as error:
        raise missing_file(name) from error
    if not blocks:
        raise _empty(name, "the file is empty" if size == 0 else "there are no events")
    return blocks


def read_block(folder: str, block: EventBlock) -> TextBlock:
    """The lines of one range.

    Raises:
        DataError: The file is missing or shorter than when the range was made.
    """
    path = f"{folder}/{block.file}"
    try:
        with files.open_file(path) as stream:
            stream.seek(block.start)
            data = stream.read(block.stop - block.start)
    except FileNotFoundError as error:
        raise missing_file(block.file) from error
    if len(data) != block.stop - block.start:
        raise DataError(
            "the file became shorter while it was read", _EXTRACT_AGAIN, file=block.file
        )
    return TextBlock(block.file, data, lambda: _line_at(path, block.start))


def _line_at(path: str, offset: int) -> int:
    number, left = 1, offset
    with files.open_file(path) as stream:
        while left > 0 and (chunk := stream.read(min(left, 1 << 20))):
            number += chunk.count(b"\n")
            left -= len(chunk)
    return number
