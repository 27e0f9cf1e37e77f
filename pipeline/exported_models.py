"""Exported models that the command line names, by version or by path."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from components.serving.interface import INDEX_SIGNATURE
from pipeline.failure import OutputError
from pipeline.paths import OutputPaths

_SAVED_MODEL = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class ExportedModels:
    """Exported models to evaluate.

    Attributes:
        model: Folder of a SavedModel.
        baseline: Folder of another, to compare it with; None for none.
    """

    model: Path
    baseline: Path | None = None


def find_model(name: str, paths: OutputPaths) -> Path:
    """Folder of the SavedModel that a version or a path names.

    Args:
        name: Number of a pushed version, or path of a SavedModel.
        paths: Output folder of the runs that pushed the version.

    Raises:
        OutputError: There is no such model, or it is not one of this pipeline.
    """
    versions = paths.versions()
    if name.isdigit() and int(name) not in versions:
        known = ", ".join(map(str, versions)) or "none"
        raise OutputError(f"version {name} was not pushed to {paths.serving}: there are {known}.")
    folder = paths.serving / name if name.isdigit() else Path(name).expanduser().resolve()
    file = folder / _SAVED_MODEL
    if not file.is_file():
        raise OutputError(
            f"{folder} is not a SavedModel: it has no {_SAVED_MODEL}; name a pushed version or the "
            "folder of one."
        )
    # A signature that only models of this pipeline have, as it stands in the file.
    if INDEX_SIGNATURE.encode() not in file.read_bytes():
        raise OutputError(
            f"{folder} has no signature {INDEX_SIGNATURE!r}: it is not a model of this pipeline, or"
            " of an earlier release of it."
        )
    return folder
