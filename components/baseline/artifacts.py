"""A Model artifact that may hold no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import path_utils


def has_model(models: Sequence[Any]) -> bool:
    """Whether the one Model artifact of an input holds a model.

    A component has to give out an artifact also where it found none.
    """
    [model] = models
    return bool(fileio.exists(path_utils.serving_model_dir(model.uri)))
