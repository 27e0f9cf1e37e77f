"""Session kNN: candidates that others saw in one sitting with what the query saw just now.

The item-based form of Ludewig and Jannach 2018, "Evaluation of session-based recommendation
algorithms": similarity as in item-kNN, but between candidates in the matrix of who saw what in
which sitting, and each event of the request's own history weighted by exp(-age / `DECAY`). It is
the peer that, like the model, reads the time.
"""

from __future__ import annotations

import numpy as np

from components.peers.item_knn import nearest
from components.serving.query_events import QueryEvents, ones_at
from components.serving.scorers import NeighbourScorer

# Usual values, not tuned. Seconds.
NEIGHBOURS = 100
SITTING_ENDS_AFTER = 3600
DECAY = 600.0


def train(events: QueryEvents, counts: np.ndarray) -> NeighbourScorer:
    """Finds the nearest neighbours of each candidate.

    Args:
        events: What is known of each query.
        counts: Train events of each candidate [N].
    """
    sitting = sittings(events)
    matrix = ones_at(sitting, events.candidate, (sitting.max(initial=-1) + 1, len(counts)))
    neighbours, similarities = nearest(matrix, NEIGHBOURS)
    return NeighbourScorer(neighbours, similarities, counts, decay=DECAY)


def sittings(events: QueryEvents) -> np.ndarray:
    """Number of the sitting of each event [events], int64, counted over all queries.

    A sitting ends where the next event is of another query, or later by more than
    `SITTING_ENDS_AFTER`.
    """
    query = np.repeat(np.arange(events.queries), np.diff(events.splits))
    begins = (np.diff(query) != 0) | (np.diff(events.time) > SITTING_ENDS_AFTER)
    return np.concatenate([[0], np.cumsum(begins)])[: len(query)]
