"""Every metric again, with plain loops over the Examples and the tables of the SavedModel."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.datasets.movielens import GENRES, OCCUPATIONS
from components.examples import parquet
from tests.components.steps import Artifacts

SliceName = tuple[str, str] | None
Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Row:
    """An event as the Examples have it."""

    user: str
    title: str
    slices: tuple[SliceName, ...]


class Oracle:
    """Reads a data set once and recomputes the metrics of models on it.

    Args:
        artifacts: The data set.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        assets = Path(artifacts.transform_graph.uri, "transform_fn", "assets")
        self.users = (assets / "queries").read_text().splitlines()
        self.titles = (assets / "candidates").read_text().splitlines()
        self.seen: dict[str, set[str]] = collections.defaultdict(set)
        self.activity: collections.Counter[str] = collections.Counter()
        self.popularity: collections.Counter[str] = collections.Counter()
        for user, title in self._pairs(artifacts, "train"):
            self.seen[user].add(title)
            self.activity[user] += 1
            self.popularity[title] += 1
        self.rows = self._eval_rows(artifacts)

    def metrics(self, score: Callable[[str], np.ndarray]) -> dict[SliceName, Metrics]:
        """Metrics by slice, None for all rows.

        Args:
            score: Scores of a user's candidates in the order of `titles`.
        """
        sums: dict[SliceName, Metrics] = collections.defaultdict(
            lambda: collections.defaultdict(float)
        )
        covered: set[int] = set()
        repeated: collections.Counter[tuple[int, ...]] = collections.Counter()
        lists: dict[str, list[int]] = {}
        for row in self.rows:
            scores = score(row.user)
            kept = [i for i, t in enumerate(self.titles) if t not in self.seen[row.user]]
            values = self._rank_metrics(scores, kept, self.titles.index(row.title))
            if row.user not in lists:
                lists[row.user] = sorted(kept, key=lambda i: -scores[i])[:100]
            served = lists[row.user]
            ranks = [self._popularity_rank(self.titles[i]) for i in served]
            values["popularity_rank_at_100"] = sum(ranks) / len(ranks)
            covered |= set(served)
            repeated[tuple(sorted(range(len(scores)), key=lambda i: -scores[i])[:10])] += 1
            for name in (None, *row.slices):
                sums[name]["example_count"] += 1
                for metric, value in values.items():
                    sums[name][metric] += value
        result = {
            name: {
                metric: total if metric == "example_count" else total / found["example_count"]
                for metric, total in found.items()
            }
            for name, found in sums.items()
        }
        result[None]["coverage_at_100"] = len(covered) / len(self.titles)
        result[None]["repeated_top_10_share"] = max(repeated.values()) / len(self.rows)
        return result

    def dot_product(self, model: Any) -> Callable[[str], np.ndarray]:
        """Scores from the vectors of an exported model."""
        scorer = tf.saved_model.load(f"{model.uri}/Format-Serving").scorer
        queries, candidates = scorer.query_vectors.numpy(), scorer.candidate_vectors.numpy()

        def score(user: str) -> np.ndarray:
            row = self.users.index(user) if user in self.users else len(self.users)
            return np.asarray(candidates @ queries[row])

        return score

    def item_knn(self, neighbours: int) -> Callable[[str], np.ndarray]:
        """Scores of item-kNN from who saw what."""
        seen = np.array([[t in self.seen[user] for t in self.titles] for user in self.users], float)
        unit = seen / np.sqrt(np.maximum(seen.sum(axis=1, keepdims=True), 1))
        norms = np.sqrt((unit**2).sum(axis=0))
        cosine = unit.T @ unit / np.maximum(np.outer(norms, norms), 1e-12)
        np.fill_diagonal(cosine, -1)
        least = np.sort(cosine, axis=1)[:, -min(neighbours, len(cosine) - 1)]
        cosine[cosine < least[:, None]] = 0

        def score(user: str) -> np.ndarray:
            if user not in self.users:
                return np.log1p([self.popularity[title] for title in self.titles])
            return np.asarray(cosine @ seen[self.users.index(user)])

        return score

    def _rank_metrics(self, scores: np.ndarray, kept: list[int], true: int) -> Metrics:
        values = {}
        rank = int(np.sum(scores >= scores[true]))
        unseen = int(np.sum(scores[kept] >= scores[true])) if true in kept else math.inf
        for k in (1, 5, 10, 50, 100):
            values[f"top_{k}_accuracy"] = float(rank <= k)
            values[f"unseen_top_{k}_accuracy"] = float(unseen <= k)
        values["unseen_mrr"] = 1 / unseen
        for k in (10, 100):
            values[f"unseen_ndcg_at_{k}"] = (unseen <= k) / math.log2(1 + unseen)
        return values

    def _popularity_rank(self, title: str) -> int:
        return 1 + sum(count > self.popularity[title] for count in self.popularity.values())

    def _eval_rows(self, artifacts: Artifacts) -> list[Row]:
        quartiles = np.quantile(list(self.activity.values()), [0.25, 0.5, 0.75])
        popularity = self._popularity_classes()
        columns = ["user_id", "movie_title", "movie_genres", "user_gender"]
        columns += ["bucketized_user_age", "user_occupation_label"]
        rows = []
        for batch in parquet.read_split(artifacts.examples.uri, "eval", columns):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                user, title = values[0][0].decode(), values[1][0].decode()
                quartile = 1 + sum(self.activity[user] > bound for bound in quartiles)
                cold = not self.activity[user]
                slices: list[SliceName] = [
                    ("query_activity", "cold" if cold else f"quartile {quartile}"),
                    ("candidate_popularity", popularity.get(title, "never in train")),
                    *(("movie_genres", GENRES[genre]) for genre in values[2] or []),
                    ("user_gender", ("female", "male")[values[3][0]]),
                    ("bucketized_user_age", f"{values[4][0]:g}"),
                    ("user_occupation_label", OCCUPATIONS[values[5][0]]),
                ]
                rows.append(Row(user, title, tuple(slices)))
        return rows

    def _popularity_classes(self) -> dict[str, str]:
        """Head: the most frequent titles up to a third of all events; torso: up to two thirds."""
        total, before = sum(self.popularity.values()), 0
        least = {"head": 0, "torso": 0}
        for _, count in self.popularity.most_common():
            if before < total / 3:
                least["head"] = count
            if before < total * 2 / 3:
                least["torso"] = count
            before += count
        return {
            title: "head" if n >= least["head"] else "torso" if n >= least["torso"] else "tail"
            for title, n in self.popularity.items()
        }

    @staticmethod
    def _pairs(artifacts: Artifacts, split: str) -> list[tuple[str, str]]:
        columns = ["user_id", "movie_title"]
        return [
            (user[0].decode(), title[0].decode())
            for batch in parquet.read_split(artifacts.examples.uri, split, columns)
            for user, title in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
