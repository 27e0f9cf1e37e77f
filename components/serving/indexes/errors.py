"""The error that indexes raise; light, so that it can be recognised without TensorFlow."""

from __future__ import annotations


class IndexUnavailableError(Exception):
    """An index that is asked for cannot be made here; the message is one sentence."""
