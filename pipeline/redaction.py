"""Keeps passwords out of logs, whoever writes them: TFX logs how it connects."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any

HIDDEN = "***"
# In a URL, and as protocol buffers are printed.
_IN_URL = re.compile(r"(://[^:@/\s]+):[^\s'\"]+@")
_IN_PROTO = re.compile(r'(password: )"(?:\\.|[^"\\])*"')


@contextlib.contextmanager
def redacted_logs(password: str) -> Iterator[None]:
    """Replaces a password in whatever Python logs.

    Args:
        password: The password; empty for none, and then nothing is replaced.
    """
    if not password:
        yield
        return
    make_record = logging.getLogRecordFactory()

    def make_redacted(*args: Any, **values: Any) -> logging.LogRecord:
        record = make_record(*args, **values)
        message = record.getMessage()
        redacted = redact(message, password)
        if redacted != message:
            record.msg, record.args = redacted, None
        return record

    logging.setLogRecordFactory(make_redacted)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make_record)


def redact(text: str, password: str) -> str:
    """The text with the password hidden."""
    text = _IN_URL.sub(rf"\1:{HIDDEN}@", text)
    text = _IN_PROTO.sub(rf'\1"{HIDDEN}"', text)
    return text.replace(password, HIDDEN)
