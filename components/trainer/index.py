"""The exact index: every candidate's vector, and who saw what.

Shapes: B queries, N candidates, W width of a vector. The last coordinate of each vector is
popularity: 0 for a known query, 1 (and all else 0) for an unknown one, which so gets the popular
candidates.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from components.trainer.input import CandidateTable
from components.trainer.seen import SeenCandidates
from components.trainer.training import Training


@dataclasses.dataclass(frozen=True)
class IndexTables:
    """Everything a trained model is served from.

    Attributes:
        query_vectors: Vectors of known queries [queries, W], float32.
        candidate_vectors: Vectors of the catalogue [N, W], float32.
        ids: Candidate ids [N], bytes.
        titles: Titles [N], bytes.
        seen: Who saw what in train.
    """

    query_vectors: np.ndarray
    candidate_vectors: np.ndarray
    ids: np.ndarray
    titles: np.ndarray
    seen: SeenCandidates


def build_tables(
    training: Training, candidates: CandidateTable, seen: SeenCandidates, queries: int
) -> IndexTables:
    """Reads the towers out into tables.

    Raises:
        ValueError: A vector is not finite: the training diverged.
    """
    query_vectors = training.model.query_tower(tf.range(queries, dtype=tf.int64)).numpy()
    candidate_vectors = training.model.candidate_tower(
        tf.range(len(candidates), dtype=tf.int64)
    ).numpy()
    for name, vectors in (("query", query_vectors), ("candidate", candidate_vectors)):
        if not np.isfinite(vectors).all():
            raise ValueError(
                f"the training diverged: a {name} vector is not finite; lower the learning rate"
            )
    popularity = np.log1p(training.counts).astype(np.float32)
    return IndexTables(
        query_vectors=np.pad(query_vectors, [(0, 0), (0, 1)]),
        candidate_vectors=np.concatenate([candidate_vectors, popularity[:, None]], axis=1),
        ids=candidates.ids,
        titles=candidates.titles,
        seen=seen,
    )
