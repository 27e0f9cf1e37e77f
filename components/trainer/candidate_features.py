"""Features of the catalogue as one matrix, which both towers read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf


def side_by_side(features: Mapping[str, np.ndarray]) -> tf.Variable | None:
    """Ones where a candidate has a label or is in a bucket [N, F], float32; None without features.

    A variable that is not trained: a constant would be in every graph that reads it.

    Args:
        features: Transformed features of the catalogue by name, each [N] (buckets) or [N, labels]
            (multi-hot); they come in the order of their names.
    """
    parts = [
        values if values.ndim == 2 else np.eye(values.max() + 1)[values]
        for _, values in sorted(features.items())
    ]
    if not parts:
        return None
    return tf.Variable(
        np.concatenate(parts, axis=1).astype(np.float32), trainable=False, name="candidate_features"
    )
