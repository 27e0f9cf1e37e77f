"""A SavedModel as a server has it, in a process that loads nothing but TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from components.serving import golden, interface
from components.serving.asking import ask
from components.serving.indexes.options import BRUTE_FORCE
from components.serving.loading import load
from components.serving.manifest import Manifest

UNKNOWN_QUERY = "a query that nobody knows"


class CheckFailedError(Exception):
    """A model cannot be served; the message says why, as the end of a sentence."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What an approximate index is held to.

    Attributes:
        min_recall: Least share of the exact lists of 100 that its lists have, on average.
        max_latency_ratio: Longest that a list may take, as a multiple of what an exact one takes.
    """

    min_recall: float = 0.95
    max_latency_ratio: float = 1.0


class LoadedModel:
    """A SavedModel that was loaded.

    Args:
        folder: The SavedModel.
        bounds: What its index is held to.

    Raises:
        ManifestError: It has no manifest that can be read.
        IndexUnavailableError: It needs ScaNN's operations, which are not there.
    """

    def __init__(self, folder: str, bounds: Bounds) -> None:
        self.folder = folder
        self.bounds = bounds
        self.manifest = Manifest.read(folder)
        self.kind: str = self.manifest.index["kind"]
        self.model = load(folder)

    @property
    def is_exact(self) -> bool:
        """Whether all candidates are ranked for every list."""
        return self.kind == BRUTE_FORCE

    def ask(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Outputs of a signature for inputs by name."""
        return ask(self.model.signatures[signature], inputs)

    def serve(self, *queries: str | bytes) -> dict[str, np.ndarray]:
        """What the default signature gives queries."""
        return self.ask(interface.SERVING_SIGNATURE, **{self.manifest.query_id: list(queries)})

    def recommend(
        self, *queries: str | bytes, k: int = interface.USUAL_K, exact: bool = False
    ) -> dict[str, np.ndarray]:
        """The `k` best candidates for queries."""
        asked = {self.manifest.query_id: list(queries)}
        how = {interface.K: [k], interface.EXACT: [exact]}
        return self.ask(interface.RECOMMEND_SIGNATURE, **asked, **how)

    def golden_ids(self) -> list[str]:
        """Raw ids of the golden queries; one that nobody knows, where there are none."""
        asked = (query.inputs for query in golden.read(self.folder))
        ids = (name for inputs in asked for name in inputs.get(self.manifest.query_id, []))
        return list(dict.fromkeys(ids)) or [UNKNOWN_QUERY]

    def assert_lists(self, answer: dict[str, np.ndarray], rows: int, length: int) -> None:
        """Raises `CheckFailedError` unless there are lists of distinct candidates, best first."""
        ids, scores = answer[self.manifest.candidate_id], answer[interface.SCORE]
        counts = answer[interface.COUNT].tolist()
        if counts != [length] * rows:
            raise CheckFailedError(f"there are {counts[:3]} candidates, not {length} for each")
        for row in range(rows):
            listed = ids[row, :length].tolist()
            if len(set(listed)) < length or b"" in listed:
                raise CheckFailedError("a list has empty or repeated candidates")
            if not np.isfinite(scores[row, :length]).all():
                raise CheckFailedError("a score is not a finite number")
            if np.any(np.diff(scores[row, :length]) > 0):
                raise CheckFailedError("a list is not in order of its scores")
