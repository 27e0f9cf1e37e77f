"""Assigns events to the train, valid and eval splits, deterministic in the seed and the event.

`random`: a hash of (seed, query, candidate key) draws the split, so a repeated event can never
stand on both sides. `temporal`: the latest events in global time are eval, those just before valid.
`last`: each query's last event is eval, the one before it valid.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np

TRAIN, VALID, EVAL = 0, 1, 2
SPLIT_NAMES = ("train", "valid", "eval")
METHODS = ("random", "temporal", "last")

_UNIT = float(2**64)


@dataclasses.dataclass(frozen=True)
class SplitSpec:
    """How events are split.

    Attributes:
        method: One of `METHODS`.
        seed: Seed of the `random` method.
        eval_fraction: Share of events in eval; unused by `last`.
        valid_fraction: Share of the events outside eval that are valid; unused by `last`.
    """

    method: str = "random"
    seed: int = 42
    eval_fraction: float = 0.2
    valid_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"split method {self.method!r} is not one of {', '.join(METHODS)}")
        for name in ("eval_fraction", "valid_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not between 0 and 1")

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
        seed = _mix(np.array(spec.seed, np.uint64) + np.uint64(0x9E3779B97F4A7C15))
        pair = _mix(_mix(queries ^ seed) + candidates)
        in_eval = _mix(pair) / _UNIT < spec.eval_fraction
        in_valid = _mix(pair ^ np.uint64(0xD1B54A32D192ED03)) / _UNIT < spec.valid_fraction
    return np.where(in_eval, EVAL, np.where(in_valid, VALID, TRAIN)).astype(np.int8)


def assign_temporal(times: np.ndarray, bounds: TimeBounds) -> np.ndarray:
    """Split codes [n], int8, of events at `times` [n], int64."""
    codes = np.where(times >= bounds.valid_from, VALID, TRAIN)
    return np.where(times >= bounds.eval_from, EVAL, codes).astype(np.int8)


def assign_last(query_codes: np.ndarray) -> np.ndarray:
    """Split codes [n], int8, of events sorted by query and then by time.

    Args:
        query_codes: One integer per event [n], equal for the events of one query.
    """
    n = len(query_codes)
    codes = np.zeros(n, np.int8)
    if n == 0:
        return codes
    is_last = np.append(query_codes[1:] != query_codes[:-1], True)
    codes[is_last] = EVAL
    before_last = np.flatnonzero(is_last) - 1
    same_query = before_last[before_last >= 0]
    same_query = same_query[query_codes[same_query] == query_codes[same_query + 1]]
    codes[same_query] = VALID
    return codes


def _mix(values: np.ndarray) -> np.ndarray:
    """Finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit flips each output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
