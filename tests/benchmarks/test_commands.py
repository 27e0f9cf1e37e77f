"""Measuring a command from outside."""

from __future__ import annotations

import sys

import pytest

from benchmarks.commands import measure
from benchmarks.report import table

_BUSY = """
import json, time
held = bytearray(300_000_000)
while time.process_time() < 0.5:
    pass
print("talk")
print(json.dumps({"answer": 42}))
"""


def test_the_seconds_memory_and_last_line_of_a_command() -> None:
    measured = measure([sys.executable, "-c", _BUSY])
    assert measured.result == {"answer": 42}
    assert measured.wall >= 0.5 * 0.9
    assert 0.5 <= measured.cpu < 5
    assert measured.peak_bytes >= 300e6


def test_a_failure_shows_what_the_command_said() -> None:
    with pytest.raises(RuntimeError, match=r"code 3:\n.*too bad"):
        measure(
            [sys.executable, "-c", "import sys; print('too bad', file=sys.stderr); sys.exit(3)"]
        )


def test_an_accepted_code_is_no_failure() -> None:
    code = "import sys; print('{}'); sys.exit(3)"
    assert measure([sys.executable, "-c", code], accepted=(0, 3)).result == {}


def test_a_table_in_markdown() -> None:
    expected = "| a | b |\n| --- | ---: |\n| x | 1 |\n"
    assert table(["a", "b"], [["x", "1"]]) == expected
