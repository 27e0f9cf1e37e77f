"""Settings of the garbage collector for a process that makes large, long-lived objects."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

# Graphs and Beam pipelines are large and live long: the default of 700 new objects looks too often.
_THRESHOLDS = (2_000, 10, 10)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Loads modules in its body; what they leave is never looked at again.

    Loading makes objects and no garbage: looking for some takes a fifth of the time.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()
    gc.set_threshold(*_THRESHOLDS)
