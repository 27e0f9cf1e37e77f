"""Sends everything that libraries print, from Python or C++, to a file instead of the terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_STDOUT, _STDERR = 1, 2
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(filename)s:%(lineno)d %(message)s"


class LogCapture:
    """File descriptors 1 and 2, pointed at a log file.

    Attributes:
        file: The log file.
        out: What standard output was.
        err: What standard error was.
    """

    def __init__(self, file: Path, out: TextIO, err: TextIO) -> None:
        self.file = file
        self.out = out
        self.err = err

    def move_to(self, file: Path) -> None:
        """Goes on in another file, which begins with what was logged so far."""
        file.parent.mkdir(parents=True, exist_ok=True)
        _flush()
        shutil.copyfile(self.file, file)
        _point_at(file)
        self.file.unlink()
        self.file = file


@contextlib.contextmanager
def captured_logs() -> Iterator[LogCapture]:
    """Captures into a temporary file, to be moved once there is a place for it.

    A file that was not moved is deleted at the end.
    """
    _flush()
    handle, name = tempfile.mkstemp(prefix="retrieval-", suffix=".log")
    os.close(handle)
    temporary = Path(name)
    with (
        os.fdopen(os.dup(_STDOUT), "w", encoding="utf-8") as out,
        os.fdopen(os.dup(_STDERR), "w", encoding="utf-8") as err,
        _root_logger_on_stderr(),
    ):
        capture = LogCapture(temporary, out, err)
        _point_at(temporary)
        try:
            yield capture
        finally:
            _flush()
            out.flush()
            err.flush()
            os.dup2(out.fileno(), _STDOUT)
            os.dup2(err.fileno(), _STDERR)
            if capture.file == temporary:
                temporary.unlink()


@contextlib.contextmanager
def _root_logger_on_stderr() -> Iterator[None]:
    """Logs of level INFO and above, of all libraries, with time and place."""
    root = logging.getLogger()
    level = root.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _point_at(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, _STDOUT)
    os.dup2(descriptor, _STDERR)
    os.close(descriptor)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
