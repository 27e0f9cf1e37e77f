"""Indexes against rankings by hand, in numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from components.serving import lists
from components.serving.indexes import choice
from components.serving.indexes.approximate import ApproximateIndex
from components.serving.indexes.choice import Requests, choose
from components.serving.indexes.index import BruteForce, Index
from components.serving.indexes.inverted_lists import InvertedLists
from components.serving.indexes.ivf import InvertedFile
from components.serving.indexes.options import IndexOptions
from components.serving.scorers import DotProductScorer, TowerScorer, VectorScorer

_CANDIDATES, _WIDTH = 20_000, 8
_MOST_EXCLUDED = 40
_LOWEST = np.finfo(np.float32).min


@dataclasses.dataclass(frozen=True)
class Data:
    """Candidates in clusters, and requests that like one of them.

    Attributes:
        vectors: Vectors of the candidates, a bias last [N, W + 1].
        requests: Vectors of requests, 1 last [Q, W + 1].
        seen: What each has seen.
    """

    vectors: np.ndarray
    requests: np.ndarray
    seen: tf.RaggedTensor

    @property
    def scorer(self) -> VectorScorer:
        """Scores by these vectors."""
        return TowerScorer(lambda context: context.query, self.vectors, 1, False, ())

    def sample(self) -> Requests:
        """The requests, to make an index for."""
        return Requests(self.requests, self.seen, _MOST_EXCLUDED)


@pytest.fixture(scope="module")
def data() -> Data:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(300, _WIDTH))
    cluster = rng.integers(len(centres), size=_CANDIDATES)
    vectors = centres[cluster] + 0.3 * rng.normal(size=(_CANDIDATES, _WIDTH))
    bias = np.log(rng.pareto(1.2, size=(_CANDIDATES, 1)) + 1) - 8
    likes = centres[rng.integers(len(centres), size=400)]
    requests = np.concatenate([3 * likes, np.ones([len(likes), 1])], axis=1)
    requests[0] = [*[0.1] * _WIDTH, 1]
    return Data(
        np.concatenate([vectors, bias], axis=1).astype(np.float32),
        requests.astype(np.float32),
        tf.RaggedTensor.from_row_lengths(
            rng.integers(_CANDIDATES, size=400 * 30), np.full(400, 30)
        ),
    )


@pytest.fixture(scope="module")
def ivf(data: Data) -> InvertedFile:
    """An index that was chosen."""
    found = choose(data.scorer, data.sample, IndexOptions("ivf", 0.9))
    assert isinstance(found.index, InvertedFile)
    return found.index


def _best(
    index: Index, data: Data, rows: list[int], k: list[int], excluded: list[list[int]], exact: bool
) -> lists.Lists:
    """What an index finds, in a graph."""

    @tf.function(autograph=False)
    def best(
        vectors: tf.Tensor, k: tf.Tensor, excluded: tf.RaggedTensor, exact: tf.Tensor
    ) -> lists.Lists:
        return index.best(vectors, k, excluded, exact)

    return best(
        tf.constant(data.requests[rows]),
        tf.constant(k),
        tf.ragged.constant(excluded, tf.int64, row_splits_dtype=tf.int64),
        tf.constant([exact]),
    )


def _by_hand(data: Data, row: int, k: int, excluded: list[int]) -> np.ndarray:
    """The best candidates of a request, best first."""
    scores = data.vectors @ data.requests[row]
    order = np.argsort(-scores, kind="stable")
    return order[~np.isin(order, excluded)][:k]


def _assert_is_exact(
    found: lists.Lists, data: Data, rows: list[int], k: list[int], excluded: list[list[int]]
) -> None:
    for place, row in enumerate(rows):
        expected = _by_hand(data, row, k[place], excluded[place])
        count = int(found.count[place])
        assert count == len(expected)
        scores = data.vectors @ data.requests[row]
        np.testing.assert_allclose(
            found.score[place, :count], scores[expected], rtol=1e-4, atol=1e-5
        )
        # Scores that round differently may stand in another order.
        listed = found.position[place, :count].numpy()
        np.testing.assert_allclose(scores[listed], scores[expected], rtol=1e-4, atol=1e-5)
        assert len(set(listed.tolist())) == count
        assert not np.isin(listed, excluded[place]).any()
        assert np.all(found.score[place, count:] == _LOWEST)


@pytest.mark.parametrize("candidates", [1, 100, 32_767, 32_768, 40_001])
@pytest.mark.parametrize("k", [1, 7, 32, 100])
def test_top_k_is_that_of_tensorflow_with_equal_scores(candidates: int, k: int) -> None:
    scores = np.random.default_rng(k).integers(2_000, size=(4, candidates)).astype(np.float32)
    scores[1] //= 100
    scores[2, : candidates // 2] = -np.inf
    scores[3] = -np.inf
    k = min(k, candidates)
    found = tf.function(lists.top_k)(tf.constant(scores), tf.constant(k))
    expected = tf.math.top_k(scores, k)
    assert np.array_equal(found[0], expected.values)
    is_one = np.isfinite(expected.values.numpy())
    assert np.array_equal(found[1].numpy()[is_one], expected.indices.numpy()[is_one])
    assert np.all(found[1] < candidates)


def test_brute_force_ranks_all(data: Data) -> None:
    rows, k = [1, 2, 3, 4], [1, 100, 5_000, _CANDIDATES]
    excluded = [[], [5, 5, -1, _CANDIDATES + 7], list(range(300)), list(range(0, _CANDIDATES, 2))]
    index = BruteForce(data.scorer, _CANDIDATES)
    _assert_is_exact(_best(index, data, rows, k, excluded, exact=False), data, rows, k, excluded)


def test_lists_hold_each_candidate_once(data: Data) -> None:
    made = InvertedLists.of(data.vectors, data.requests, slots=32)
    assert made.candidate.shape[1] <= 32
    filled = made.candidate < _CANDIDATES
    assert sorted(made.candidate[filled]) == list(range(_CANDIDATES))
    assert np.array_equal(made.vectors[filled], data.vectors[made.candidate[filled]])
    assert not made.vectors[~filled].any()
    members = made.vectors[7][filled[7]]
    np.testing.assert_allclose(made.means[7], members.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(made.variances[7], members.var(axis=0), atol=1e-4)


def test_all_the_same_is_no_error() -> None:
    made = InvertedLists.of(np.ones([1_000, 3], np.float32), np.ones([2, 3], np.float32), slots=16)
    assert sorted(made.candidate[made.candidate < 1_000]) == list(range(1_000))


def test_ivf_finds_what_it_promises(data: Data, ivf: InvertedFile) -> None:
    rows = list(range(0, 400, 4))
    excluded = [list(row) for row in data.seen.to_list()[::4]]
    found = _best(ivf, data, rows, [100] * len(rows), excluded, exact=False)
    assert found.count.numpy().tolist() == [100] * len(rows)
    recalls = []
    for place, row in enumerate(rows):
        listed = found.position[place].numpy()
        assert not np.isin(listed, excluded[place]).any()
        assert len(set(listed.tolist())) == 100
        scores = data.vectors[listed] @ data.requests[row]
        np.testing.assert_allclose(found.score[place], scores, rtol=1e-4, atol=1e-5)
        assert np.all(np.diff(found.score[place]) <= 0)
        recalls.append(np.isin(_by_hand(data, row, 100, excluded[place]), listed).mean())
    assert np.mean(recalls) >= 0.9
    # It does not rank all in secret.
    assert np.mean(recalls) < 1


def test_lists_are_the_best_of_what_is_read(data: Data, ivf: InvertedFile) -> None:
    """Whatever is left out: the best, one of them often, what is not read, and what is none."""
    rows, k = [3, 11, 12, 13, 14, 15], [100, 100, 7, 100, 100, 60]
    read = ivf.look_up(tf.constant(data.requests[rows]))[1].numpy()
    assert (read == _CANDIDATES).any()
    best = [_by_hand(data, row, 200, []).tolist() for row in rows]
    not_read = [one for one in range(_CANDIDATES) if one not in read[2]][: _MOST_EXCLUDED - 5]
    excluded = [
        best[0][:_MOST_EXCLUDED],
        best[1][:1] * 30 + best[1][1:9],
        [*not_read, *best[2][:5]],
        [],
        # So many that it is ranked wholly.
        best[4][: _MOST_EXCLUDED + 5],
        [-1, *best[5][3:9], _CANDIDATES, _CANDIDATES + 1],
    ]
    found = _best(ivf, data, rows, k, excluded, exact=False)
    for place, row in enumerate(rows):
        scores = data.vectors @ data.requests[row]
        kept = np.arange(_CANDIDATES) if place == 4 else read[place][read[place] < _CANDIDATES]
        kept = kept[~np.isin(kept, excluded[place])]
        expected = kept[np.argsort(-scores[kept])][: k[place]]
        count = int(found.count[place])
        assert count == len(expected)
        assert sorted(found.position[place, :count].numpy()) == sorted(expected)


@pytest.mark.parametrize(
    ("k", "excluded", "exact"),
    [
        (100, 0, True),
        (101, 0, False),
        (_CANDIDATES, 5, False),
        (100, 1_000, False),
        (100, _CANDIDATES - 60, False),
        (100, _CANDIDATES, False),
    ],
)
def test_what_lists_cannot_answer_is_ranked_wholly(
    data: Data, ivf: InvertedFile, k: int, excluded: int, exact: bool
) -> None:
    """What is excluded is the very best, which lists would have been read for."""
    rows = [9]
    left_out = [_by_hand(data, 9, excluded, []).tolist()]
    found = _best(ivf, data, rows, [k], left_out, exact)
    _assert_is_exact(found, data, rows, [k], left_out)


def test_what_is_left_of_the_lists_has_to_be_enough(data: Data, ivf: InvertedFile) -> None:
    """Of what is read so much is excluded that there are no 100 of it."""

    few = Few(data.scorer, _CANDIDATES, _MOST_EXCLUDED)
    few.ivf = ivf
    read = few.look_up(tf.constant(data.requests[[5]]))[1].numpy()[0]
    left_out = [read[read < _CANDIDATES][:_MOST_EXCLUDED].tolist()]
    found = _best(few, data, [5], [100], left_out, exact=False)
    _assert_is_exact(found, data, [5], [100], left_out)


class Few(ApproximateIndex):
    """Looks at few candidates of another index."""

    ivf: InvertedFile

    def look_up(self, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores, positions = self.ivf.look_up(vectors)
        return scores[:, :110], positions[:, :110]


def test_a_request_gets_the_same_alone_and_among_others(data: Data, ivf: InvertedFile) -> None:
    rows = list(range(50))
    k = [100, 250, 3, 100, 1] * 10
    excluded: list[list[int]] = [[], [], [7], list(range(_MOST_EXCLUDED + 1)), []] * 10
    together = _best(ivf, data, rows, k, excluded, exact=False)
    for row in (0, 1, 3, 17, 33, 49):
        alone = _best(ivf, data, [row], [k[row]], [excluded[row]], exact=False)
        count = int(alone.count[0])
        assert count == k[row] == int(together.count[row])
        assert np.array_equal(alone.position[0], together.position[row, :count])


def test_auto_is_brute_force_for_few(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sample() -> Requests:
        raise AssertionError

    few = choose(data.scorer, no_sample, IndexOptions())
    assert (few.kind, few.recall) == ("brute_force", 1.0)
    assert few.reason == "20,000 candidates are not above 100,000"
    monkeypatch.setattr(choice, "MOST_FOR_BRUTE_FORCE", 10_000)
    many = choose(data.scorer, data.sample, IndexOptions("auto", 0.9))
    assert many.kind == "ivf"
    assert many.recall >= 0.9
    assert many.described()["probes"] <= 0.03 * many.described()["lists"]


def test_what_cannot_be_found_in_lists_is_ranked_wholly() -> None:
    """Directions at random have no neighbours."""
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3_000, 32)).astype(np.float32)
    requests = rng.normal(size=(200, 32)).astype(np.float32)
    none = tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int64), tf.zeros(200, tf.int64))
    scorer = TowerScorer(lambda context: context.query, vectors, 0, False, ())
    found = choose(scorer, lambda: Requests(requests, none, 0), IndexOptions("ivf", 0.95))
    assert found.kind == "brute_force"
    assert isinstance(found.index, BruteForce)
    assert "ivf reaches a recall of 0." in found.reason


def test_whoever_is_unknown_is_not_worse_off(data: Data) -> None:
    """The unknown query is alone in a direction, that of popularity, which no other looks in."""
    rng = np.random.default_rng(5)
    counts = rng.zipf(1.4, size=_CANDIDATES).clip(max=10**6)
    scorer = DotProductScorer(data.requests[:, :-1], data.vectors[:, :-1], counts)
    vectors = scorer.query_vectors.numpy()
    sample = Requests(np.concatenate([vectors[-1:], vectors[:300]]), data.seen[:301], 40)
    found = choose(scorer, lambda: sample, IndexOptions("ivf", 0.9))
    best = found.index.best(
        tf.constant(vectors[-1:]),
        tf.constant([100]),
        tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int64), [0]),
        tf.constant([False]),
    )
    worst = np.sort(counts)[::-1][99]
    assert np.mean(counts[best.position[0].numpy()] >= worst) >= 0.9


def test_what_is_no_candidate_does_not_count_as_left_out(data: Data, ivf: InvertedFile) -> None:
    rows, k = list(range(40)), [100] * 40
    real = [list(range(row, row + _MOST_EXCLUDED)) for row in rows]
    nothing = [[*left_out, -1, -1, _CANDIDATES] for left_out in real]
    expected = _best(ivf, data, rows, k, real, exact=False)
    found = _best(ivf, data, rows, k, nothing, exact=False)
    assert np.array_equal(found.position, expected.position)
    whole = _best(ivf, data, rows, k, nothing, exact=True)
    assert not np.array_equal(found.position, whole.position)
