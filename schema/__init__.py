"""Curated schemas of the Examples, shipped with the package."""

from pathlib import Path

INTERACTIONS = Path(__file__).parent / "interactions.pbtxt"
CANDIDATES = Path(__file__).parent / "candidates.pbtxt"
