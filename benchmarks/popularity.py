"""Who rates which movie in generated data: a long tail of popularity, bent by tastes."""

from __future__ import annotations

import numpy as np

TASTES = 16

_OWN_TASTE_SHARE = 0.4
# The counts of MovieLens fall off as exp(-decay * sqrt(rank / movies)) with a decay near this.
_POPULARITY_DECAY = 6.5


class Popularity:
    """Draws movies by popularity, within a taste or over all of them.

    Attributes:
        movies: Number of movies.
        weights: Popularity of each movie [movies], not normalised.
        tastes: Taste of each movie [movies], below `TASTES`.
    """

    def __init__(self, random: np.random.Generator, movies: int) -> None:
        quantiles = (random.permutation(movies) + 0.5) / movies
        self.movies = movies
        self.weights = np.exp(-_POPULARITY_DECAY * np.sqrt(quantiles))
        self.tastes = random.integers(0, TASTES, movies)
        self._by_taste = np.argsort(self.tastes, kind="stable")
        self._cumulative = np.cumsum(self.weights[self._by_taste])
        self._mass = np.bincount(self.tastes, self.weights, minlength=TASTES)
        self._start = np.cumsum(self._mass) - self._mass

    def draw(self, random: np.random.Generator, tastes: np.ndarray) -> np.ndarray:
        """One movie (int64) for the taste of each row."""
        place = random.random(len(tastes))
        own = random.random(len(tastes)) < _OWN_TASTE_SHARE
        place = np.where(
            own, self._start[tastes] + place * self._mass[tastes], place * self._cumulative[-1]
        )
        found = np.searchsorted(self._cumulative, place, side="right")
        return self._by_taste[np.minimum(found, self.movies - 1)]

    def draw_unseen(
        self, random: np.random.Generator, taste: int, seen: np.ndarray, count: int
    ) -> np.ndarray:
        """`count` distinct movies outside `seen`: Gumbel noise makes the largest scores a draw."""
        weights = self.weights * (1 - _OWN_TASTE_SHARE)
        own = self.tastes == taste
        if own.any():
            total = self._cumulative[-1] / self._mass[taste]
            weights[own] += _OWN_TASTE_SHARE * total * self.weights[own]
        scores = np.log(weights) + random.gumbel(size=self.movies)
        scores[seen] = -np.inf
        return np.argpartition(-scores, count - 1)[:count]
