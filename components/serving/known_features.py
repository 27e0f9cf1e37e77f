"""What a served model knows of each query besides its events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from components.serving.scorers import table
from components.transform.preprocessing import QUERY, UNKNOWN


class KnownFeatures(tf.Module):
    """The features of queries in the train split, for requests that do not tell them.

    Args:
        features: Transformed query features by name, each [queries] or [queries, labels].
    """

    def __init__(self, features: Mapping[str, np.ndarray]) -> None:
        super().__init__(name="known_features")
        self._features = {name: table(values) for name, values in sorted(features.items())}

    def add(
        self, transformed: Mapping[str, tf.Tensor], told: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The transformed features of requests, with what is known where a request tells nothing.

        Args:
            transformed: Transformed features by name, each [B] or [B, labels].
            told: Whether each request tells a feature [B] or [1], bool, by the name of the
                transformed feature; a feature that is not there is told by none.
        """
        query = transformed[QUERY]
        added = dict(transformed)
        for name, values in self._features.items():
            known = query != UNKNOWN
            if name in told:
                known &= ~told[name]
            own = tf.gather(values, tf.maximum(query, 0))
            is_known = tf.reshape(known, [-1] + [1] * (values.shape.rank - 1))
            added[name] = tf.where(is_known, own, transformed[name])
        return added
