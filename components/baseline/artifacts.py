"""A Model artifact that may hold no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components import files


def has_model(models: Sequence[Any]) -> bool:
    """Whether the one Model artifact of an input holds a model.

    A component has to give out an artifact also where it found none.
    """
    [model] = models
    return bool(files.list_folder(model.uri))
