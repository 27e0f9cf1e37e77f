"""The one exception that the set-up reports to a person."""


class SetupError(Exception):
    """A failure whose message is one sentence that names the remedy."""
