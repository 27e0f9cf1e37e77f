"""Reads the time of a request as people write it."""

from __future__ import annotations

from datetime import datetime, timezone

from pipeline.failure import UsageError


def parse_request_time(text: str) -> int:
    """Seconds since 1970.

    Args:
        text: Those seconds, or an ISO date with or without a time; UTC where it names no zone.

    Raises:
        UsageError: It is neither, or before 1970.
    """
    try:
        if text.isdecimal():
            # Refuses milliseconds too, as of a year beyond 9999.
            moment = datetime.fromtimestamp(int(text), timezone.utc)
        else:
            # Python 3.10 does not know the Z.
            moment = datetime.fromisoformat(text.removesuffix("Z"))
    except (ValueError, OverflowError, OSError):
        raise _wrong(text) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    seconds = int(moment.timestamp())
    if seconds < 0:
        raise _wrong(text)
    return seconds


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"--at is {text!r}: it takes seconds since 1970, or an ISO date from then on such as"
        " 1998-04-01 or 1998-04-01T12:00:00 (UTC)."
    )
