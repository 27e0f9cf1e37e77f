"""Matrix factorisation of implicit feedback by alternating least squares (Hu et al. 2008).

By the library `implicit`: a vector per query and per candidate whose product is near 1 where there
was an event and near 0 elsewhere, the former weighted more.
"""

from __future__ import annotations

import numpy as np
import threadpoolctl
from implicit.cpu.als import AlternatingLeastSquares

from components.serving.query_events import QueryEvents
from components.serving.scorers import DotProductScorer

# Chosen on the valid split of MovieLens 100K, see docs/evaluation.md.
FACTORS = 64
REGULARIZATION = 60.0
ALPHA = 10.0
ITERATIONS = 15
SEED = 42


def train(events: QueryEvents, counts: np.ndarray) -> DotProductScorer:
    """Factorises who saw what.

    Args:
        events: What is known of each query.
        counts: Train events of each candidate [N].
    """
    # Its own threads and those of BLAS would wait for each other.
    with threadpoolctl.threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=FACTORS,
            regularization=REGULARIZATION,
            alpha=ALPHA,
            iterations=ITERATIONS,
            random_state=SEED,
        )
        model.fit(events.matrix(len(counts)), show_progress=False)
    return DotProductScorer(model.user_factors, model.item_factors, counts)
