"""Assigns events to the train, valid and eval splits, deterministic in the seed and the event.

`random`: a hash of (seed, query, candidate key) draws the split, so a repeated event can never
stand on both sides. `temporal`: the latest events in global time are eval, those just before valid.
`last`: each query's last events are eval; for a share of the queries, drawn by a hash of (seed,
query), the event just before those is valid. Not for all: no eval row has a valid event in its
history, where the event just before it would tell the most.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np

TRAIN, VALID, EVAL = 0, 1, 2
SPLIT_NAMES = ("train", "valid", "eval")
METHODS = ("random", "temporal", "last")
HISTORIES = ("train", "rolling")

_UNIT = float(2**64)


@dataclasses.dataclass(frozen=True)
class SplitSpec:
    """How events are split.

    Attributes:
        method: One of `METHODS`.
        seed: Seed of whatever is drawn, which is nothing under `temporal`.
        eval_fraction: Share of events in eval; unused by `last`.
        valid_fraction: Share of the events outside eval that are valid; under `last`, share of the
            queries that have a valid event.
        history: One of `HISTORIES`: which earlier events of its query a valid or eval row knows.
            `train`: those of train. `rolling`: those of its own split too. A train row knows those
            of train only.
        history_length: Most events in a history; the latest are kept.
        eval_events: Last events of each query that are eval under `last`; a query with fewer has
            all of them in eval.
    """

    method: str = "random"
    seed: int = 42
    eval_fraction: float = 0.2
    valid_fraction: float = 0.1
    history: str = "train"
    history_length: int = 512
    eval_events: int = 1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"split method {self.method!r} is not one of {', '.join(METHODS)}")
        for name in ("eval_fraction", "valid_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not between 0 and 1")
        if self.history not in HISTORIES:
            raise ValueError(f"history {self.history!r} is not one of {', '.join(HISTORIES)}")
        for name in ("history_length", "eval_events"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not at least 1")

    def to_json(self) -> str:
        """The spec as JSON with sorted keys: equal specs give equal text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SplitSpec:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))


@dataclasses.dataclass(frozen=True)
class TimeBounds:
    """First event times (int64) that count as valid and as eval under the `temporal` method."""

    valid_from: int
    eval_from: int


def temporal_bounds(times: np.ndarray, counts: np.ndarray, spec: SplitSpec) -> TimeBounds:
    """Cuts global time so that eval holds the latest `eval_fraction` of events.

    Events of one instant stay together, so the shares are exact up to the events at the cut.

    Args:
        times: Distinct event times [n], int64, sorted.
        counts: Number of events at each of them [n].
        spec: The split.
    """
    before = np.concatenate([[0], np.cumsum(counts)])
    total = before[-1]

    def first_time_after(events: float) -> int:
        return int(times[min(int(np.searchsorted(before, events, side="left")), len(times) - 1)])

    train_and_valid = total * (1 - spec.eval_fraction)
    return TimeBounds(
        valid_from=first_time_after(train_and_valid * (1 - spec.valid_fraction)),
        eval_from=first_time_after(train_and_valid),
    )


def assign_random(queries: np.ndarray, candidates: np.ndarray, spec: SplitSpec) -> np.ndarray:
    """Draws a split for each pair by hashing it.

    Args:
        queries: Hashes of the queries [n], uint64.
        candidates: Hashes of the candidate keys [n], uint64.
        spec: The split.

    Returns:
        Split codes [n], int8.
    """
    with np.errstate(over="ignore"):
        pair = _mix(_seeded(queries, spec) + candidates)
        in_eval = _mix(pair) / _UNIT < spec.eval_fraction
        in_valid = _draw_valid(pair, spec)
    return np.where(in_eval, EVAL, np.where(in_valid, VALID, TRAIN)).astype(np.int8)


def assign_temporal(times: np.ndarray, bounds: TimeBounds) -> np.ndarray:
    """Split codes [n], int8, of events at `times` [n], int64."""
    codes = np.where(times >= bounds.valid_from, VALID, TRAIN)
    return np.where(times >= bounds.eval_from, EVAL, codes).astype(np.int8)


def assign_last(queries: np.ndarray, spec: SplitSpec) -> np.ndarray:
    """Gives the last events of each query to eval, and of some queries the one before to valid.

    Args:
        queries: Hashes of the queries [n], uint64, of events sorted by query and then by time.
        spec: The split.

    Returns:
        Split codes [n], int8.
    """
    before_eval = _has_later(queries, spec.eval_events)
    just_before = before_eval & ~_has_later(queries, spec.eval_events + 1)
    with np.errstate(over="ignore"):
        in_valid = just_before & _draw_valid(_seeded(queries, spec), spec)
    return np.where(before_eval, np.where(in_valid, VALID, TRAIN), EVAL).astype(np.int8)


def _has_later(queries: np.ndarray, events: int) -> np.ndarray:
    """Whether each event is followed by that many of its query [n]; those of one are adjacent."""
    followed = queries[events:] == queries[: max(len(queries) - events, 0)]
    return np.append(followed, np.zeros(len(queries) - len(followed), bool))


def _seeded(queries: np.ndarray, spec: SplitSpec) -> np.ndarray:
    """Hashes of (seed, query) [n], uint64."""
    seed = _mix(np.array(spec.seed, np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return _mix(queries ^ seed)


def _draw_valid(hashes: np.ndarray, spec: SplitSpec) -> np.ndarray:
    """Draws a share `valid_fraction` of the hashes [n], independent of what they draw elsewhere."""
    return _mix(hashes ^ np.uint64(0xD1B54A32D192ED03)) / _UNIT < spec.valid_fraction


def _mix(values: np.ndarray) -> np.ndarray:
    """Finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit flips each output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
