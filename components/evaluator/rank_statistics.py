"""Sums over rows from which every metric follows.

Rows are summed batch by batch, and batches by Beam, before TFMA sees them: its cost is per element
and slice, and a million rows of a slice are as cheap for it as one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from components.serving.ranking import MISS

TOP_K = (1, 5, 10, 50, 100)
ALL, UNSEEN = "", "unseen_"
NDCG_AT = (10, 100)

UNSEEN_TOP_100 = "unseen_top_100_accuracy"
RETURNING_TOP_100 = "returning_top_100_accuracy"
INDEX_RECALL = "index_recall_at_100"
POPULARITY_RANK = "popularity_rank_at_100"
GAIN = "unseen_top_100_accuracy_gain"
UNUSABLE_ROWS = "unusable_rows"
ROWS_IN_TRAIN = "rows_in_train"
ROWS_SERVED_DIFFERENTLY = "rows_served_differently"
COUNTS = (UNUSABLE_ROWS, ROWS_IN_TRAIN, ROWS_SERVED_DIFFERENTLY)

_MULTIPLIERS = np.random.default_rng(20_111_013).integers(1, 2**63, 1_000, np.uint64) | np.uint64(1)
_MOST_PENDING = 65_536


@dataclasses.dataclass
class RankStatistics:
    """Sums over rows; adding two of them gives those of the rows together.

    Attributes:
        rows: Number of rows.
        counts: Number of rows by reason, see `COUNTS`.
        totals: Sum of each row metric, by name.
        squares: Sum of the squares of each row metric, by name.
    """

    rows: int = 0
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    totals: dict[str, float] = dataclasses.field(default_factory=dict)
    squares: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_slices(
        cls,
        values: Mapping[str, np.ndarray],
        counted: Mapping[str, np.ndarray],
        slices: Iterable[np.ndarray],
    ) -> Iterator[RankStatistics]:
        """Yields the statistics of each slice of rows.

        Args:
            values: Each row metric [n], float64, by name.
            counted: Whether a row counts [n], bool, by reason.
            slices: Numbers of the rows of each slice.
        """
        # One table each: summing a row of a table is as fast as summing all rows of it.
        table = np.stack([*values.values()], axis=1)
        reasons = np.stack([*counted.values()], axis=1)
        for rows in slices:
            chosen = table[rows]
            yield cls(
                rows=len(rows),
                counts=dict(zip(counted, reasons[rows].sum(axis=0).tolist(), strict=True)),
                totals=dict(zip(values, chosen.sum(axis=0).tolist(), strict=True)),
                squares=dict(zip(values, np.square(chosen).sum(axis=0).tolist(), strict=True)),
            )

    def __add__(self, other: RankStatistics) -> RankStatistics:
        return RankStatistics(
            rows=self.rows + other.rows,
            counts=_added(self.counts, other.counts),
            totals=_added(self.totals, other.totals),
            squares=_added(self.squares, other.squares),
        )

    def mean(self, name: str) -> float:
        """Mean of a row metric; NaN without rows."""
        return self.totals[name] / self.rows if self.rows else float("nan")

    def standard_error(self, name: str) -> float:
        """Standard error of the mean, from the variance between rows."""
        if self.rows < 2:
            return float("nan")
        mean = self.mean(name)
        variance = max(self.squares[name] / self.rows - mean * mean, 0.0)
        return float(np.sqrt(variance / (self.rows - 1)))


@dataclasses.dataclass
class ListStatistics:
    """What lists have in common, over rows; adding two gives those of the rows together.

    Attributes:
        covered: Whether each candidate of the catalogue is in some served list [N], bool; None
            without rows.
        hashes: Hash of a row's best candidates, several times the same one allowed [n], uint64.
        hash_rows: Rows that have this list [n], int64.
        merged: Number of distinct hashes when they were last merged.
    """

    covered: np.ndarray | None = None
    hashes: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.uint64))
    hash_rows: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    merged: int = 0

    @classmethod
    def of_rows(cls, served: np.ndarray, top: np.ndarray, candidates: int) -> ListStatistics:
        """Statistics of rows.

        Args:
            served: Catalogue numbers in served lists [any, K], int64; negative ones are empty.
            top: Best candidates of each row, seen or not [n, T].
            candidates: N.
        """
        covered = np.zeros(candidates, bool)
        covered[served[served >= 0]] = True
        hashes, rows = np.unique(_hash_lists(top), return_counts=True)
        return cls(covered, hashes, rows.astype(np.int64))

    def __add__(self, other: ListStatistics) -> ListStatistics:
        if self.covered is None or other.covered is None:
            covered = other.covered if self.covered is None else self.covered
        else:
            covered = self.covered | other.covered
        added = ListStatistics(
            covered,
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.hash_rows, other.hash_rows]),
            max(self.merged, other.merged),
        )
        # Merging each time would take the square of the number of distinct lists.
        if len(added.hashes) > max(2 * added.merged, _MOST_PENDING):
            added.hashes, added.hash_rows = added._merged()
            added.merged = len(added.hashes)
        return added

    def coverage(self) -> float:
        """Share of the catalogue that is in some served list; NaN without rows."""
        return float(np.mean(self.covered)) if self.covered is not None else float("nan")

    def repeated_share(self) -> float:
        """Share of rows that have the most frequent list; NaN without rows."""
        _, rows = self._merged()
        return float(rows.max() / rows.sum()) if len(rows) else float("nan")

    def _merged(self) -> tuple[np.ndarray, np.ndarray]:
        hashes, inverse = np.unique(self.hashes, return_inverse=True)
        rows = np.bincount(inverse.ravel(), self.hash_rows, len(hashes))
        return hashes, rows.astype(np.int64)


def rank_values(
    rank: np.ndarray, unseen_rank: np.ndarray, returning_rank: np.ndarray
) -> dict[str, np.ndarray]:
    """Each rank metric's value per row [n], float64, by the metric's name.

    With one relevant candidate per row, top-k accuracy is recall@k and hit rate@k, and the ideal
    DCG is 1, so NDCG is 1 / log2(1 + rank) (Jarvelin and Kekalainen 2002).

    Args:
        rank: Rank among all candidates [n], int64, `MISS` for a miss.
        unseen_rank: Rank among unseen candidates [n], int64.
        returning_rank: The same for a query that returns long after its last event [n], int64.
    """
    values = {}
    for view, ranks in ((ALL, rank), (UNSEEN, unseen_rank)):
        hit = ranks != MISS
        for k in TOP_K:
            values[f"{view}top_{k}_accuracy"] = (hit & (ranks <= k)).astype(np.float64)
    returning_hit = (returning_rank != MISS) & (returning_rank <= 100)
    values[RETURNING_TOP_100] = returning_hit.astype(np.float64)
    hit = unseen_rank != MISS
    divisor = np.maximum(unseen_rank, 1)
    values["unseen_mrr"] = hit / divisor
    for k in NDCG_AT:
        values[f"unseen_ndcg_at_{k}"] = (hit & (unseen_rank <= k)) / np.log2(1.0 + divisor)
    return values


RANK_METRICS = tuple(rank_values(*np.ones([3, 1], np.int64)))


def _hash_lists(lists: np.ndarray) -> np.ndarray:
    """A hash of each row [n], uint64; the order counts."""
    factors = _MULTIPLIERS[: lists.shape[1]]
    return np.asarray(((lists.astype(np.uint64) + np.uint64(1)) * factors).sum(axis=1), np.uint64)


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, Any]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
