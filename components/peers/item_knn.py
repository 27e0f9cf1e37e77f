"""Item-kNN: candidates like those that the query saw (Deshpande and Karypis 2004).

Similarity is the cosine between candidates in the matrix of who saw what, whose rows have unit
length: a query that saw much says less of each. A candidate is scored by its `NEIGHBOURS` most
similar candidates alone.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from components.serving.scorers import NeighbourScorer
from components.serving.seen import SeenCandidates

# Chosen on the valid split of MovieLens 100K, see docs/evaluation.md.
NEIGHBOURS = 100
# Similarities of as many candidates are held at once.
_CANDIDATES_AT_ONCE = 1_024


def train(seen: SeenCandidates, counts: np.ndarray) -> NeighbourScorer:
    """Finds the nearest neighbours of each candidate.

    Args:
        seen: Who saw what in train.
        counts: Train events of each candidate [N].
    """
    neighbours, similarities = nearest(seen.matrix(len(counts)), NEIGHBOURS)
    return NeighbourScorer(seen, neighbours, similarities, counts)


def nearest(events: scipy.sparse.csr_matrix, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate's nearest neighbours and their similarity, K = min(neighbours, N - 1).

    Args:
        events: Ones where a query saw a candidate [Q, N].
        neighbours: Most neighbours per candidate.

    Returns:
        Positions [N, K], int64, ascending, and similarities [N, K], float32.
    """
    lengths = np.sqrt(np.maximum(np.asarray(events.sum(axis=1)), 1))
    by_candidate = scipy.sparse.csr_matrix(events.multiply(1 / lengths).T)
    norms = np.sqrt(np.asarray(by_candidate.multiply(by_candidate).sum(axis=1)))
    by_candidate = scipy.sparse.csr_matrix(by_candidate.multiply(1 / np.maximum(norms, 1e-12)))
    width = min(neighbours, by_candidate.shape[0] - 1)
    positions, similarities = [], []
    for start in range(0, by_candidate.shape[0], _CANDIDATES_AT_ONCE):
        cosine = (by_candidate[start : start + _CANDIDATES_AT_ONCE] @ by_candidate.T).toarray()
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = -1  # no candidate is its own neighbour
        chosen = np.sort(np.argpartition(-cosine, width - 1, axis=1)[:, :width], axis=1)
        positions.append(chosen)
        similarities.append(np.take_along_axis(cosine, chosen, axis=1))
    return np.concatenate(positions), np.concatenate(similarities).astype(np.float32)
