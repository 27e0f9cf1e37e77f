"""Item-kNN: candidates like those that the query saw (Deshpande and Karypis 2004).

Similarity is the cosine between candidates in the matrix of who saw what, whose rows have unit
length: a query that saw much says less of each. A candidate is scored by its `NEIGHBOURS` most
similar candidates alone.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse

from components.serving.query_events import QueryEvents
from components.serving.scorers import NeighbourScorer

# Chosen on the valid split of MovieLens 100K, see docs/evaluation.md.
NEIGHBOURS = 100
# Similarities of as many candidates are held at once.
_CANDIDATES_AT_ONCE = 256


def train(events: QueryEvents, counts: np.ndarray) -> NeighbourScorer:
    """Finds the nearest neighbours of each candidate.

    Args:
        events: What is known of each query.
        counts: Train events of each candidate [N].
    """
    neighbours, similarities = nearest(events.matrix(len(counts)), NEIGHBOURS)
    return NeighbourScorer(neighbours, similarities, counts)


def nearest(events: scipy.sparse.csr_matrix, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate's nearest neighbours and their similarity, K = min(neighbours, N - 1).

    Args:
        events: Ones where a query saw a candidate [Q, N].
        neighbours: Most neighbours per candidate.

    Returns:
        Positions [N, K], int64, and similarities [N, K], float32.
    """
    lengths = np.sqrt(np.maximum(np.asarray(events.sum(axis=1)), 1))
    by_candidate = scipy.sparse.csr_matrix(events.multiply(1 / lengths).T)
    norms = np.sqrt(np.asarray(by_candidate.multiply(by_candidate).sum(axis=1)))
    by_candidate = scipy.sparse.csr_matrix(by_candidate.multiply(1 / np.maximum(norms, 1e-12)))
    candidates = by_candidate.shape[0]
    width = min(neighbours, candidates - 1)
    # Padded with the candidate itself at a similarity of 0, which adds nothing to any score.
    positions = np.repeat(np.arange(candidates)[:, None], width, axis=1)
    similarities = np.zeros([candidates, width], np.float32)
    transposed = scipy.sparse.csr_matrix(by_candidate.T)
    for start in range(0, candidates, _CANDIDATES_AT_ONCE):
        cosines = by_candidate[start : start + _CANDIDATES_AT_ONCE] @ transposed
        for row, (first, last) in enumerate(itertools.pairwise(cosines.indptr), start=start):
            others, cosine = cosines.indices[first:last], cosines.data[first:last]
            cosine = np.where(others == row, 0, cosine)
            if len(others) > width:
                chosen = np.argpartition(-cosine, width - 1)[:width]
                others, cosine = others[chosen], cosine[chosen]
            positions[row, : len(others)] = others
            similarities[row, : len(others)] = cosine
    return positions, similarities
