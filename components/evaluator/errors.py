"""The error that the gate raises; light, so that it can be recognised without loading TFMA."""

from __future__ import annotations


class GateError(Exception):
    """The gate cannot be applied as it is configured; the message is one sentence."""
