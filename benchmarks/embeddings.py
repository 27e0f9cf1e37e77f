"""Candidates and requests of two kinds to measure an index on, none of them noise everywhere.

`trained` are the factors that ALS, the peer's library, finds in interactions of users who each like
a few of many clusters, some candidates being more popular than others. `structured` are drawn: a
tree of clusters in a spectrum that falls as in trained embeddings, and a bias that falls as
popularity does, which requests meet with a 1.
"""

from __future__ import annotations

import dataclasses

import numpy as np

_WIDTH = 64
_REQUESTS = 2_048
_SEED = 42


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """What is to be indexed, and asked.

    Attributes:
        candidates: Vectors of candidates [N, W], float32.
        requests: Vectors of requests [Q, W], float32, of whom nothing is known first.
        biases: How many of the last coordinates are biases.
    """

    candidates: np.ndarray
    requests: np.ndarray
    biases: int


def structured(candidates: int) -> Embeddings:
    """60 kinds, 3,000 clusters in them, and candidates around these, each half as far apart."""
    random = np.random.default_rng(_SEED)
    spectrum = np.arange(1, _WIDTH + 1) ** -0.5

    def around(centres: np.ndarray, distance: float) -> np.ndarray:
        return np.asarray(centres + distance * random.normal(size=centres.shape) * spectrum)

    kinds = around(np.zeros([60, _WIDTH]), 1.0)
    clusters = around(kinds[random.choice(60, 3_000, p=random.dirichlet(np.full(60, 0.5)))], 0.7)
    sizes = random.dirichlet(np.full(len(clusters), 0.5))
    vectors = around(clusters[random.choice(len(clusters), candidates, p=sizes)], 0.6)
    popularity = random.zipf(1.5, candidates).clip(max=100_000)
    bias = np.log(popularity / popularity.sum())[:, None]
    likes = 2 * around(0.8 * clusters[random.choice(len(clusters), _REQUESTS, p=sizes)], 0.5)
    likes[0] = 0
    return Embeddings(
        np.concatenate([vectors, bias], axis=1).astype(np.float32),
        np.concatenate([likes, np.ones([_REQUESTS, 1])], axis=1).astype(np.float32),
        biases=1,
    )


def trained(candidates: int) -> Embeddings:
    """Factors of ALS after 3 rounds, on 10 interactions of each candidate."""
    import scipy.sparse
    import threadpoolctl
    from implicit.als import AlternatingLeastSquares

    random = np.random.default_rng(_SEED)
    users, clusters, per_user = candidates // 5, max(20, candidates // 400), 50
    cluster = random.integers(clusters, size=candidates)
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(clusters + 1))
    tastes = random.integers(clusters, size=[users, 5])
    liked = np.take_along_axis(tastes, random.integers(5, size=[users, per_user]), axis=1)
    sizes = np.diff(starts)[liked]
    # The first of each cluster are the popular ones: the square of a uniform number is low.
    place = (random.random(liked.shape) ** 2 * sizes).astype(np.int64)
    chosen = order[np.minimum(starts[liked] + place, candidates - 1)]
    anywhere = random.random(liked.shape) < 0.1
    chosen = np.where(anywhere, random.integers(candidates, size=liked.shape), chosen)
    rows = np.repeat(np.arange(users), per_user)
    ones = np.ones(chosen.size, np.float32)
    matrix = scipy.sparse.csr_matrix((ones, (rows, chosen.ravel())), (users, candidates))
    model = AlternatingLeastSquares(factors=_WIDTH, iterations=3, random_state=_SEED)
    # Threads of its own and those of BLAS are in each other's way.
    with threadpoolctl.threadpool_limits(1, "blas"):
        model.fit(matrix, show_progress=False)
    factors = np.asarray(model.user_factors)
    requests = factors[random.choice(users, _REQUESTS, replace=False)]
    requests[0] = factors.mean(axis=0)
    return Embeddings(np.asarray(model.item_factors), requests, biases=0)


KINDS = {"trained": trained, "structured": structured}
