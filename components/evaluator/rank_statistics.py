"""Sums over rows from which every rank metric follows.

Ranks are summed batch by batch before TFMA sees them: its cost is per element and slice, and a
batch of 1,000 rows is as cheap for it as one row.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from components.trainer.ranking import MISS

TOP_K = (1, 5, 10, 50, 100)
ALL, UNSEEN = "", "unseen_"
VIEWS = (ALL, UNSEEN)
NDCG_AT = (10, 100)


@dataclasses.dataclass
class RankStatistics:
    """Sums over rows; adding two of them gives those of the rows together.

    Attributes:
        rows: Number of rows.
        unusable_rows: Rows with a score that is NaN or +infinite.
        totals: Sum of each row metric, by name.
        squares: Sum of the squares of each row metric, by name.
    """

    rows: int = 0
    unusable_rows: int = 0
    totals: dict[str, float] = dataclasses.field(default_factory=dict)
    squares: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_rows(
        cls, rank: np.ndarray, unseen_rank: np.ndarray, usable: np.ndarray
    ) -> RankStatistics:
        """Statistics of rows.

        Args:
            rank: Rank among all candidates [n], int64, `MISS` for a miss.
            unseen_rank: Rank among unseen candidates [n], int64.
            usable: Whether all scores of the row can be ranked [n], bool.
        """
        values = row_metrics(rank, unseen_rank)
        return cls(
            rows=len(rank),
            unusable_rows=int(np.sum(~usable)),
            totals={name: float(value.sum()) for name, value in values.items()},
            squares={name: float(np.square(value).sum()) for name, value in values.items()},
        )

    def __add__(self, other: RankStatistics) -> RankStatistics:
        return RankStatistics(
            rows=self.rows + other.rows,
            unusable_rows=self.unusable_rows + other.unusable_rows,
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


def row_metrics(rank: np.ndarray, unseen_rank: np.ndarray) -> dict[str, np.ndarray]:
    """Each metric's value per row [n], float64, by the metric's name.

    With one relevant candidate per row, top-k accuracy is recall@k and hit rate@k, and the ideal
    DCG is 1, so NDCG is 1 / log2(1 + rank) (Jarvelin and Kekalainen 2002).
    """
    values = {}
    for view, ranks in ((ALL, rank), (UNSEEN, unseen_rank)):
        hit = ranks != MISS
        for k in TOP_K:
            values[f"{view}top_{k}_accuracy"] = (hit & (ranks <= k)).astype(np.float64)
    hit = unseen_rank != MISS
    divisor = np.maximum(unseen_rank, 1)
    values["unseen_mrr"] = hit / divisor
    for k in NDCG_AT:
        values[f"unseen_ndcg_at_{k}"] = (hit & (unseen_rank <= k)) / np.log2(1.0 + divisor)
    return values


METRIC_NAMES = tuple(row_metrics(np.ones(1, np.int64), np.ones(1, np.int64)))


def _added(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}
