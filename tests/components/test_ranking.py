"""Ranks and exclusion against numpy, in one block and in several."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serving import ranking
from components.serving.ranking import MISS


def seen_positions(rows: list[list[int]]) -> tf.RaggedTensor:
    """Lists of positions as the ragged tensor that ranking takes."""
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def _rank(
    scores: np.ndarray, truth: list[int], seen: list[list[int]] | None = None
) -> ranking.Ranks:
    table = tf.constant(scores, tf.float32)
    return ranking.rank_candidates(
        lambda start, stop: table[:, start:stop],
        table.shape[1],
        tf.range(len(truth)),
        tf.constant(truth, tf.int64),
        seen_positions(seen or [[] for _ in truth]),
    )


def test_ranks_by_hand() -> None:
    scores = np.array([[3, 2, 1], [1, 1, 1], [3, 2, 1], [1, np.nan, 0], [-np.inf, 2, 1]])
    ranks = _rank(scores, [1, 0, -1, 0, 1])
    # second; tied with all, so last; not in the catalogue; two rows with a score that is no number
    assert ranks.rank.numpy().tolist() == [2, 3, MISS, MISS, MISS]
    assert ranks.usable.numpy().tolist() == [True, True, True, False, False]
    assert ranks.top.numpy()[:2].tolist() == [[0, 1, 2], [0, 1, 2]]


def test_a_seen_candidate_counts_among_all_only() -> None:
    ranks = _rank(np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), [1, 2], [[1], [0]])
    assert ranks.rank.numpy().tolist() == [2, 3]
    assert ranks.unseen_rank.numpy().tolist() == [MISS, 2]


@pytest.mark.parametrize("block", [2, 3, 100])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_ranks_equal_numpy(block: int, data: st.DataObject) -> None:
    queries, candidates = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(-3, 3, (queries, candidates)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.02] = np.nan
    rows = data.draw(st.integers(1, 6))
    distinct = np.append(rng.integers(0, queries, rows), queries - 1)
    truth = rng.integers(-1, candidates, rows + 1)
    seen = [
        [-1, *rng.choice(candidates, rng.integers(0, candidates), replace=False)]
        for _ in range(queries)
    ]
    table = tf.constant(scores)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK", block)
        ranks = ranking.rank_candidates(
            lambda start, stop: table[:, start:stop],
            candidates,
            tf.constant(distinct),
            tf.constant(truth, tf.int64),
            seen_positions([[int(position) for position in row] for row in seen]),
        )
    for row, query in enumerate(distinct):
        own, listed = scores[query], seen[query]
        usable = bool(np.isfinite(own).all())
        assert ranks.usable[row].numpy() == usable
        kept = [other for other in range(candidates) if other not in listed]
        true = truth[row]
        at_least = [other for other in range(candidates) if own[other] >= own[true]]
        hit = usable and true >= 0
        assert ranks.rank[row].numpy() == (len(at_least) if hit else MISS)
        unseen = len(set(at_least) & set(kept))
        assert ranks.unseen_rank[row].numpy() == (unseen if hit and true in kept else MISS)
        if usable:
            best = np.argsort(-own, kind="stable")[: ranking.REPEATED_TOP]
            assert ranks.top[row].numpy().tolist() == best.tolist()
