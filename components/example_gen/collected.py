"""Brings small results, and errors, of a Beam pipeline back to the process that started it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from tfx.dsl.io import fileio

from components.datasets.errors import DataError


class CollectedResults:
    """Values that a pipeline leaves in a folder which its workers can write to.

    Args:
        folder: A folder that does not exist yet; `discard` removes it.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: list[str] = []
        fileio.makedirs(folder)

    def keep(self, name: str, value: beam.PCollection) -> None:
        """Keeps the single element of `value` under `name`."""
        self._names.append(name)
        path = os.path.join(self._folder, name)
        _ = value | f"Keep[{name}]" >> beam.Map(_write, path)

    def keep_errors(self, errors: beam.PCollection) -> None:
        """Keeps the earliest of the DataErrors in `errors`, for `load` to raise."""
        first = errors | "FirstError" >> beam.CombineGlobally(_earliest)
        self.keep("error", first)

    def load(self) -> dict[str, Any]:
        """Every kept value by name.

        Raises:
            DataError: The pipeline met bad input.
        """
        values = {}
        for name in self._names:
            with fileio.open(os.path.join(self._folder, name), "rb") as stream:
                # Written moments ago by this pipeline's own workers.
                values[name] = pickle.load(stream)
        error = values.pop("error", None)
        if error is not None:
            raise error
        return values

    def discard(self) -> None:
        """Removes the folder."""
        fileio.rmtree(self._folder)


def _write(value: Any, path: str) -> None:
    with fileio.open(path, "wb") as stream:
        stream.write(pickle.dumps(value))


def _earliest(errors: Iterable[DataError | None]) -> DataError | None:
    found = [error for error in errors if error is not None]
    return min(found, key=lambda error: (error.file or "", error.line or 0), default=None)
