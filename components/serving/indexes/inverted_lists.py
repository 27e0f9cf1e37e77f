"""Sorts candidate vectors into short lists of neighbours, for requests to look at a few of them.

Shapes: N candidates, W width of a vector, L lists, S slots in each of them, Q requests.
"""

from __future__ import annotations

import dataclasses

import numpy as np

# Slots of a list: as many as one request reads at a stroke.
SLOTS = 128
_FIRST_LISTS = 2
# K-means has this times the root of N clusters, and learns them from so many candidates each.
_CLUSTERS = 4
_SAMPLE = 32
_ITERATIONS = 5
_POWER_STEPS = 8
# Distances are computed for as many candidates at once: 64 MB for 4,000 clusters.
_ROWS = 4_096
_SEED = 42


@dataclasses.dataclass(frozen=True)
class InvertedLists:
    """The catalogue in lists, the places left over being empty.

    Attributes:
        candidates: N.
        always: How many lists, the first, are read for every request.
        candidate: Positions of candidates [L, S], int32; N in an empty slot.
        vectors: Their vectors [L, S, W], float32; zeros in an empty slot.
        means: Mean vector of each list [L, W], float32.
        variances: Variance of each coordinate within a list [L, W], float32.
    """

    candidates: int
    always: int
    candidate: np.ndarray
    vectors: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, requests: np.ndarray, slots: int = SLOTS) -> InvertedLists:
        """Lists in which candidates have nearly the same scores, whatever the request.

        K-means minimises the squared distance within lists. Vectors are mapped before it so that
        the squared distance of two of them is the mean squared difference of their scores over the
        requests: a coordinate that all requests weigh alike, as a bias, counts as much as it tells.
        The best for the first request, of whom nothing is known, are of all kinds: they are in
        lists of their own, which are always read.

        Args:
            vectors: Candidate vectors [N, W], float32.
            requests: Vectors of requests [Q, W], float32, of whom nothing is known first.
            slots: Most candidates of a list.
        """
        best = np.argsort(-(vectors @ requests[0]), kind="stable")
        first, others = np.split(best, [min(_FIRST_LISTS * slots, len(best) // 2)])
        mapped = vectors @ _score_metric(requests)
        clusters = _k_means(mapped[others], int(_CLUSTERS * np.sqrt(len(others))))
        order = np.argsort(clusters, kind="stable")
        whole = np.split(others[order], np.flatnonzero(np.diff(clusters[order])) + 1)
        members = [first[start : start + slots] for start in range(0, len(first), slots)]
        always = len(members)
        members += [part for one in whole for part in _cut(mapped, one, slots)]
        lengths = np.array([len(part) for part in members])
        row = np.repeat(np.arange(len(members)), lengths)
        place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        listed = np.concatenate(members)
        shape = (len(members), int(lengths.max()))
        candidate = np.full(shape, len(vectors), np.int32)
        candidate[row, place] = listed
        padded = np.zeros((*shape, vectors.shape[1]), np.float32)
        padded[row, place] = vectors[listed]
        filled = lengths[:, None].astype(np.float32)
        means = padded.sum(axis=1) / filled
        squares = np.einsum("lsw,lsw->lw", padded, padded) / filled
        variances = np.maximum(squares - means**2, 0)
        return cls(len(vectors), always, candidate, padded, means, variances)

    def promises(self, requests: np.ndarray, spread: float) -> np.ndarray:
        """How high the scores in each list may be [Q, L], float32.

        Args:
            requests: Vectors of requests [Q, W], float32.
            spread: How many standard deviations of a list's scores its best are above their mean.
        """
        variance = np.square(requests) @ self.variances.T
        promises = np.asarray(requests @ self.means.T + spread * np.sqrt(variance))
        promises[:, : self.always] = np.inf
        return promises

    def probes_needed(self, requests: np.ndarray, wanted: np.ndarray, spread: float) -> np.ndarray:
        """How many lists have to be read to find each wanted candidate [Q, K], int64.

        Args:
            requests: Vectors of requests [Q, W], float32.
            wanted: Positions of the candidates that each wants [Q, K].
            spread: See `promises`.
        """
        order = np.argsort(-self.promises(requests, spread), axis=1, kind="stable")
        turn = np.empty_like(order)
        np.put_along_axis(turn, order, np.arange(order.shape[1])[None], axis=1)
        return np.take_along_axis(turn, self._list_of()[wanted], axis=1) + 1

    def _list_of(self) -> np.ndarray:
        """Which list each candidate is in [N], int64."""
        slots = self.candidate.shape[1]
        # Empty slots hold N, and so come last.
        order = np.argsort(self.candidate.ravel(), kind="stable")[: self.candidates]
        return order // slots


def _score_metric(requests: np.ndarray) -> np.ndarray:
    """The root of the second moments of requests [W, W]."""
    moments = requests.T.astype(np.float64) @ requests / len(requests)
    values, axes = np.linalg.eigh(moments)
    return np.asarray(axes * np.sqrt(np.maximum(values, 0)), np.float32)


def _k_means(points: np.ndarray, clusters: int) -> np.ndarray:
    """Lloyd's algorithm on a sample; the cluster of every point [N], int64."""
    rng = np.random.default_rng(_SEED)
    clusters = max(1, min(clusters, len(points)))
    sample = points
    if len(points) > _SAMPLE * clusters:
        sample = points[rng.choice(len(points), _SAMPLE * clusters, replace=False)]
    means = sample[rng.choice(len(sample), clusters, replace=False)]
    for _ in range(_ITERATIONS):
        nearest = _nearest(sample, means)
        counts = np.bincount(nearest, minlength=clusters)
        order = np.argsort(nearest, kind="stable")
        filled = counts > 0
        starts = (np.cumsum(counts) - counts)[filled]
        means[filled] = np.add.reduceat(sample[order], starts) / counts[filled, None]
    return _nearest(points, means)


def _nearest(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    half_norms = np.square(means).sum(axis=1) / 2
    return np.concatenate(
        [
            np.argmax(points[start : start + _ROWS] @ means.T - half_norms, axis=1)
            for start in range(0, len(points), _ROWS)
        ]
    )


def _cut(points: np.ndarray, members: np.ndarray, slots: int) -> list[np.ndarray]:
    """Halves members along their principal axis until each part fits into a list."""
    parts = -(-len(members) // slots)
    if parts == 1:
        return [members]
    centred = points[members] - points[members].mean(axis=0)
    axis = centred[np.argmax(np.square(centred).sum(axis=1))]
    for _ in range(_POWER_STEPS):
        axis = axis / max(float(np.linalg.norm(axis)), 1e-30)
        axis = (centred @ axis) @ centred
    ordered = members[np.argsort(centred @ axis, kind="stable")]
    middle = len(members) * (parts // 2) // parts
    return [*_cut(points, ordered[:middle], slots), *_cut(points, ordered[middle:], slots)]
