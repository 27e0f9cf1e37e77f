"""Loads what was exported, in processes that know nothing but TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from components.serving.indexes.options import SCANN
from components.serving.indexes.scann_ops import load_ops
from components.serving.manifest import Manifest


def load(folder: str) -> Any:
    """Loads a SavedModel, after ScaNN's operations if its manifest says that it needs them.

    Raises:
        IndexUnavailableError: It needs them, and they cannot be loaded.
        ManifestError: There is a manifest that cannot be read.
    """
    if Manifest.exists(folder) and Manifest.read(folder).index["kind"] == SCANN:
        load_ops()
    return tf.saved_model.load(folder)
