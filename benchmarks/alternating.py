"""Times calls of a few milliseconds in turn, so that whatever disturbs one disturbs all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

# Calls of each that are not timed.
_WARM_UP = 5


def milliseconds(
    calls: Mapping[str, Callable[[int], object]], rounds: int
) -> dict[str, list[float]]:
    """Milliseconds of each of the timed calls, by name.

    Args:
        calls: What is called with the number of the round, by name.
        rounds: How often.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(-_WARM_UP, rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call(number)
            taken[name].append((time.perf_counter() - began) * 1e3)
    return {name: values[_WARM_UP:] for name, values in taken.items()}


def percentile(values: list[float], share: int) -> float:
    """A percentile of what was taken."""
    return float(np.percentile(values, share))
