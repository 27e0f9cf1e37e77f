"""The page in headless Chromium, where that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.paths import OutputPaths
from tests.server.running import running

_CHROMIUM = shutil.which("chromium")
_ROW = re.compile(
    r'<li><span class="score">(\d+)\.</span><span class="title">([^<]+)</span>'
    r'<span class="score">(-?[\d.]+)</span><span class="why note">([^<]*)</span>'
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_CHROMIUM is None, reason="Debian's package chromium is not installed"),
]


def _look(address: str, profile: Path) -> str:
    """The page as it is once its scripts have run; fails where they print an error."""
    assert _CHROMIUM is not None
    found = subprocess.run(
        [
            _CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *("--virtual-time-budget=20000", f"--user-data-dir={profile}", "--window-size=400,900"),
            *("--dump-dom", address),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "CONSOLE" not in found.stderr
    return found.stdout


def test_a_user_and_movies_are_shown_what_they_get(pushed: OutputPaths, tmp_path: Path) -> None:
    with running(pushed) as client:
        for query in ({"user": "42"}, {"movie": ["3", "7"]}):
            asked = client.get("/", **query).url
            rows = _ROW.findall(_look(asked, tmp_path / "profile"))
            expected = client.get("/api/recommendations", k=20, **query).json()
            assert len(rows) == 20
            for row, item in zip(rows, expected["recommendations"], strict=True):
                assert row[:2] == (str(item["rank"]), item["title"])
                assert item["labels"] in row[3]
                assert item["because"] in row[3]
