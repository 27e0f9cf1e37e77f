"""The served baseline: the newest version of the same kind that is not the candidate."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.baseline.executor import latest_other
from components.serving.manifest import Manifest


def _manifest(content: str, split: str = "random", interface: int = 2) -> Manifest:
    return Manifest(
        interface_version=interface,
        catalogue_size=1,
        query_id="user_id",
        candidate_id="movie_id",
        candidate_title="movie_title",
        trained_at="2026-01-01T00:00:00+00:00",
        metrics={},
        preset="custom",
        versions={},
        signatures={},
        files={"saved_model.pb": content},
        split=split,
    )


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ({}, None),
        ({1: _manifest("a"), 2: _manifest("b")}, 2),
        ({9: _manifest("a"), 10: _manifest("b")}, 10),  # by number, not by text
        ({1: _manifest("a"), 2: _manifest("candidate")}, 1),
        ({1: _manifest("candidate")}, None),
        ({1: _manifest("a"), 2: _manifest("b", split="last")}, 1),
        ({1: _manifest("a"), 2: _manifest("b", interface=1)}, 1),
        ({1: _manifest("a"), 2: _manifest("b", split="")}, 1),  # of an earlier release
        ({1: _manifest("a"), 2: None}, 1),  # no manifest
    ],
)
def test_latest_other(
    served: dict[int, Manifest | None], expected: int | None, tmp_path: Path
) -> None:
    base = tmp_path / "serving"
    for version, manifest in served.items():
        (base / str(version) / "assets.extra").mkdir(parents=True)
        if manifest is not None:
            manifest.write(str(base / str(version)))
    if served:
        (base / ".11.incomplete").mkdir()
    found = latest_other(str(base), _manifest("candidate"))
    assert (found and found[0]) == expected
