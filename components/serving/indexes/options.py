"""What may be told about an index; light, so that a configuration needs no TensorFlow."""

from __future__ import annotations

import dataclasses
import json

AUTO = "auto"
BRUTE_FORCE = "brute_force"
IVF = "ivf"
SCANN = "scann"
# Up to so many candidates all of them are ranked in a few milliseconds.
MOST_FOR_BRUTE_FORCE = 100_000


@dataclasses.dataclass(frozen=True)
class IndexOptions:
    """What an index has to be.

    Attributes:
        kind: `brute_force`, `ivf`, `scann`, or `auto`: brute force up to `MOST_FOR_BRUTE_FORCE`
            candidates, else `ivf` where it reaches the recall.
        min_recall: Least share of the exact list of 100 that a list has, on average.
    """

    kind: str = AUTO
    min_recall: float = 0.95

    def to_json(self) -> str:
        """The options as JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> IndexOptions:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))
