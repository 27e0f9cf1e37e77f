"""The errors that end a command with one sentence instead of a traceback."""

from __future__ import annotations


class UsageError(Exception):
    """The command was given something it cannot work with; the message is one sentence."""


class OutputError(Exception):
    """The output folder is not in a state the command can work with; one sentence."""


class ServiceError(Exception):
    """A service did not do what it was asked; the message is one sentence."""


class IncompleteError(Exception):
    """A component neither completed nor raised an error; the message is one sentence."""
