"""ScaNN's TensorFlow operations; light, for processes that only serve."""

from __future__ import annotations

import importlib
from types import ModuleType

import tensorflow as tf

from components.serving.indexes.errors import IndexUnavailableError

_MODULE = "scann.scann_ops.py.scann_ops"


def load_ops() -> ModuleType:
    """Makes TensorFlow know ScaNN's operations, and gives them.

    Raises:
        IndexUnavailableError: They cannot be loaded.
    """
    try:
        return importlib.import_module(_MODULE)
    except (ImportError, tf.errors.NotFoundError) as error:
        told = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise IndexUnavailableError(
            f"an index of the kind scann needs ScaNN, which cannot be loaded here ({told}): "
            "install the extra scann, which there is for TensorFlow 2.16, or set index.kind=ivf."
        ) from error
