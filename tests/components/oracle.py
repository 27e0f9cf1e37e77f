"""Every metric again, with plain loops over the Examples and the tables of the SavedModel."""

from __future__ import annotations

import bisect
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
from components.examples.hashing import candidate_hash
from components.trainer.hyperparameters import Hyperparameters
from tests.components.numpy_tower import LONG_AGO, NumpyTower, Request

SliceName = tuple[str, str] | None
Metrics = dict[str, float]
_AGES = (18, 25, 35, 45, 50, 56)
_COUNTS = ("example_count", "rows_in_train", "rows_served_differently", "unusable_rows")


@dataclasses.dataclass(frozen=True)
class Row:
    """An event as the Examples have it.

    Attributes:
        user: Who.
        title: What.
        time: When.
        history: Titles and times of the earlier events that it may know, oldest first.
        seen: Titles that must not be served.
        features: Label or bucket of each query feature.
        slices: The slices that it belongs to.
    """

    user: str
    title: str
    time: int
    history: list[tuple[str, int]]
    seen: list[str]
    features: dict[str, int]
    slices: list[SliceName]

    def returning(self) -> Row:
        """The same user long after the last event that is known."""
        return dataclasses.replace(
            self, history=[(title, self.time - LONG_AGO) for title in self.seen]
        )


# Scores of the candidates for a row, in the order of `Oracle.titles`.
Score = Callable[[Row], np.ndarray]


class Oracle:
    """Reads a data set once and recomputes the metrics of models on it.

    Args:
        examples: Examples artifact of the interactions.
        transform_graph: TransformGraph artifact, for the order of the vocabularies.
    """

    def __init__(self, examples: Any, transform_graph: Any) -> None:
        assets = Path(transform_graph.uri, "transform_fn", "assets")
        self.users = (assets / "queries").read_text().splitlines()
        self.titles = (assets / "candidates").read_text().splitlines()
        self.places = {title: place for place, title in enumerate(self.titles)}
        self.train: dict[str, list[tuple[int, str]]] = collections.defaultdict(list)
        self.popularity: collections.Counter[str] = collections.Counter()
        columns = ["user_id", "movie_title", "timestamp"]
        for batch in parquet.read_split(examples.uri, "train", columns):
            for user, title, time in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                self.train[user[0].decode()].append((time[0], title[0].decode()))
                self.popularity[title[0].decode()] += 1
        self.rows = self._eval_rows(examples)

    def features(self, user: str) -> dict[str, int]:
        """Label or bucket of each feature of a user who has eval rows."""
        return next(row.features for row in self.rows if row.user == user)

    def metrics(self, score: Score) -> dict[SliceName, Metrics]:
        """Metrics by slice, None for all rows, of a model that serves what it is evaluated by."""
        sums: dict[SliceName, Metrics] = collections.defaultdict(
            lambda: collections.defaultdict(float)
        )
        covered: set[int] = set()
        repeated: collections.Counter[tuple[int, ...]] = collections.Counter()
        for row in self.rows:
            scores = score(row)
            kept = [place for place, title in enumerate(self.titles) if title not in row.seen]
            true = self.places[row.title]
            values = self._rank_metrics(scores, kept, true)
            returning = self._rank_metrics(score(row.returning()), kept, true)
            values["returning_top_100_accuracy"] = returning["unseen_top_100_accuracy"]
            # Rows of one request have one list, which counts for each of them.
            served = sorted(kept, key=lambda place: -scores[place])[:100]
            ranks = [self._popularity_rank(self.titles[place]) for place in served]
            values["popularity_rank_at_100"] = sum(ranks) / len(ranks)
            covered |= set(served)
            repeated[tuple(sorted(range(len(scores)), key=lambda place: -scores[place])[:10])] += 1
            in_train = {title for _, title in self.train.get(row.user, [])}
            values |= dict.fromkeys(_COUNTS, 0.0)
            values["example_count"] = 1.0
            values["rows_in_train"] = float(row.title in in_train)
            for name in (None, *row.slices):
                for metric, value in values.items():
                    sums[name][metric] += value
        result = {
            name: {
                metric: total if metric in _COUNTS else total / found["example_count"]
                for metric, total in found.items()
            }
            for name, found in sums.items()
        }
        result[None]["coverage_at_100"] = len(covered) / len(self.titles)
        result[None]["repeated_top_10_share"] = max(repeated.values()) / len(self.rows)
        return result

    def tower(self, model: Any, hyperparameters: Hyperparameters) -> Score:
        """Scores by hand from the variables of an exported model with a query tower."""
        scorer = tf.saved_model.load(f"{model.uri}/Format-Serving").scorer
        tower = NumpyTower(scorer.query_tower, hyperparameters)
        candidates = scorer.candidate_vectors.numpy()
        return lambda row: np.asarray(candidates @ tower.vector(self.request(row)))

    def request(self, row: Row) -> Request:
        """What a tower is told of a row."""
        return Request(
            query=self.users.index(row.user) if row.user in self.users else -1,
            history=[(self.places[title], row.time - time) for title, time in row.history],
            seen=[self.places[title] for title in row.seen],
            features=row.features,
        )

    def dot_product(self, model: Any) -> Score:
        """Scores from the tables of an exported model that knows users by their id."""
        scorer = tf.saved_model.load(f"{model.uri}/Format-Serving").scorer
        queries, candidates = scorer.query_vectors.numpy(), scorer.candidate_vectors.numpy()

        def score(row: Row) -> np.ndarray:
            place = self.users.index(row.user) if row.user in self.users else len(self.users)
            return np.asarray(candidates @ queries[place])

        return score

    def item_knn(self, neighbours: int) -> Score:
        """Scores of item-kNN from who saw what."""
        cosine = self._nearest(
            [{title for _, title in self.train[u]} for u in self.users], neighbours
        )

        def score(row: Row) -> np.ndarray:
            seen = np.isin(self.titles, row.seen).astype(float)
            return np.asarray(cosine @ seen) if row.seen else self._popular()

        return score

    def session_knn(self, neighbours: int, sitting_ends_after: int, decay: float) -> Score:
        """Scores of session-kNN from who saw what in one sitting."""
        sittings: list[set[str]] = []
        for user in self.users:
            before = -math.inf
            for time, title in sorted(self.train[user]):
                if time - before > sitting_ends_after:
                    sittings.append(set())
                sittings[-1].add(title)
                before = time
        cosine = self._nearest(sittings, neighbours)

        def score(row: Row) -> np.ndarray:
            weights = np.zeros(len(self.titles))
            for title, time in row.history:
                place = self.places[title]
                weights[place] = max(weights[place], math.exp((time - row.time) / decay))
            # What is nothing to a float32 is nothing.
            weights[weights < np.finfo(np.float32).tiny] = 0
            return np.asarray(cosine @ weights) if weights.any() else self._popular()

        return score

    def _popular(self) -> np.ndarray:
        return np.log1p([self.popularity[title] for title in self.titles])

    def _nearest(self, groups: list[set[str]], neighbours: int) -> np.ndarray:
        """Cosine of each title with each of its nearest others [N, N], 0 with the rest."""
        seen = np.array([[title in group for title in self.titles] for group in groups], float)
        unit = seen / np.sqrt(np.maximum(seen.sum(axis=1, keepdims=True), 1))
        norms = np.sqrt((unit**2).sum(axis=0))
        cosine = unit.T @ unit / np.maximum(np.outer(norms, norms), 1e-12)
        np.fill_diagonal(cosine, -1)
        least = np.sort(cosine, axis=1)[:, -min(neighbours, len(cosine) - 1)]
        cosine[cosine < least[:, None]] = 0
        return np.asarray(cosine)

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

    def _eval_rows(self, examples: Any) -> list[Row]:
        activity = {user: len(events) for user, events in self.train.items()}
        quartiles = np.quantile(list(activity.values()), [0.25, 0.5, 0.75])
        popularity = self._popularity_classes()
        hashes = candidate_hash(np.array(self.titles, object)).tolist()
        titles = dict(zip(hashes, self.titles, strict=True))
        rows = []
        for batch in parquet.read_split(examples.uri, "eval"):
            for values in batch.to_pylist():
                user, title = values["user_id"][0].decode(), values["movie_title"][0].decode()
                events = activity.get(user, 0)
                quartile = 1 + sum(events > bound for bound in quartiles)
                gender, job = values["user_gender"][0], values["user_occupation_label"][0]
                [age] = values["bucketized_user_age"]
                slices: list[SliceName] = [
                    ("query_activity", f"quartile {quartile}" if events else "cold"),
                    ("candidate_popularity", popularity.get(title, "never in train")),
                    *(("movie_genres", GENRES[genre]) for genre in values["movie_genres"] or []),
                    ("user_gender", ("female", "male")[gender]),
                    ("bucketized_user_age", f"{age:g}"),
                    ("user_occupation_label", OCCUPATIONS[job]),
                ]
                earlier = zip(values["history"] or [], values["history_times"] or [], strict=True)
                rows.append(
                    Row(
                        user,
                        title,
                        values["timestamp"][0],
                        [(titles[number], time) for number, time in earlier],
                        [titles[number] for number in values["seen_candidates"] or []],
                        {
                            "query_user_gender": gender,
                            "query_bucketized_user_age": bisect.bisect_right(_AGES, age),
                            "query_user_occupation_label": job,
                        },
                        slices,
                    )
                )
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
