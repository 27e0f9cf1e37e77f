"""Draws who liked what in a large catalogue, for factors of it to be learnt.

A catalogue is a tree, as real ones are: 60 kinds of very unequal size, clusters of 400 candidates
on average in them. A user likes five clusters of one to three kinds, and meets 50 candidates there,
one in ten of them somewhere else. In each cluster a tenth of the candidates gets .56 of the events;
it is .43 in ml-100k and .60 in ml-latest-small.
"""

from __future__ import annotations

import dataclasses

import numpy as np

_KINDS = 60
_CLUSTER = 400
_USERS_PER_CANDIDATE = 0.2
_EVENTS = 50
_CLUSTERS_OF_A_USER = 5
_MOST_KINDS_OF_A_USER = 3
_ELSEWHERE = 0.1
# A uniform number to this power is the place of a candidate in its cluster, popular ones first.
_SKEW = 4
_SEED = 42


@dataclasses.dataclass(frozen=True)
class Interactions:
    """Who liked what, ten events per candidate.

    Attributes:
        candidates: N.
        candidate: What each user liked [users, 50], int64.
    """

    candidates: int
    candidate: np.ndarray

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self.candidate)


def draw(candidates: int) -> Interactions:
    """Interactions of a catalogue of so many candidates."""
    random = np.random.default_rng(_SEED)
    users, clusters = int(_USERS_PER_CANDIDATE * candidates), max(_KINDS, candidates // _CLUSTER)
    kind_of = np.sort(random.choice(_KINDS, clusters, p=random.dirichlet(np.ones(_KINDS))))
    tastes = _tastes(random, users, kind_of)
    # Candidates of a cluster follow each other, clusters of a kind too; numbers tell nothing.
    sizes = random.multinomial(candidates, random.dirichlet(np.ones(clusters)))
    starts = np.cumsum(sizes) - sizes
    number = random.permutation(candidates)
    chosen = random.integers(_CLUSTERS_OF_A_USER, size=[users, _EVENTS])
    cluster = np.take_along_axis(tastes, chosen, axis=1)
    elsewhere = random.random(cluster.shape) < _ELSEWHERE
    cluster[elsewhere] = random.choice(clusters, np.count_nonzero(elsewhere))
    place = (random.random(cluster.shape) ** _SKEW * sizes[cluster]).astype(np.int64)
    return Interactions(candidates, number[np.minimum(starts[cluster] + place, candidates - 1)])


def _tastes(random: np.random.Generator, users: int, kind_of: np.ndarray) -> np.ndarray:
    """Clusters that each user likes [users, 5], given the kind of each, ascending [clusters]."""
    # A kind is liked in proportion to its clusters: by the kind of one of them.
    kinds = kind_of[random.integers(len(kind_of), size=[users, _MOST_KINDS_OF_A_USER])]
    liked = random.integers(1, _MOST_KINDS_OF_A_USER + 1, size=[users, 1])
    which = random.integers(_MOST_KINDS_OF_A_USER, size=[users, _CLUSTERS_OF_A_USER]) % liked
    kind = np.take_along_axis(kinds, which, axis=1)
    first, last = (np.searchsorted(kind_of, kind, side) for side in ("left", "right"))
    return np.asarray(first + random.integers(1 << 31, size=kind.shape) % (last - first))
