"""Towers that are trained side by side on the same batches, and asked as one.

The score of an ensemble is the sum of its members' scores, which is the dot product of their
vectors put one after the other: it is served as any other pair of towers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


class Ensemble(tf.Module):
    """M towers of one kind.

    Args:
        towers: The towers, whose vectors are [any, D] or, with a bias coordinate, [any, D + 1].
        width: D.
    """

    def __init__(self, towers: Sequence[Any], width: int) -> None:
        super().__init__(name="ensemble")
        self.towers = list(towers)
        self._width = width

    def __call__(self, inputs: Any) -> tf.Tensor:
        """Vectors [any, M x D] or, with bias coordinates, the last M, [any, M x (D + 1)]."""
        return self._joined([tower(inputs) for tower in self.towers])

    def catalogue(self) -> tf.Tensor:
        """Vectors of all candidates, of an ensemble of candidate towers."""
        return self._joined([tower.catalogue() for tower in self.towers])

    def _joined(self, vectors: list[tf.Tensor]) -> tf.Tensor:
        biases = [of_one[:, self._width :] for of_one in vectors]
        return tf.concat([*(of_one[:, : self._width] for of_one in vectors), *biases], axis=1)


def join(towers: Sequence[Any], width: int) -> Any:
    """Towers of one kind as one: an `Ensemble` of several, or the only one itself."""
    return Ensemble(towers, width) if len(towers) > 1 else towers[0]


def members(tower: Any) -> list[Any]:
    """The towers that `join` took."""
    return list(tower.towers) if isinstance(tower, Ensemble) else [tower]
