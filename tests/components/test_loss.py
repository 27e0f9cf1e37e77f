"""The loss and its gradients against numpy, for vectors that stand in place of the towers."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import model as model_module
from components.trainer.hyperparameters import SCOPES, Hyperparameters
from components.trainer.model import Batch, TwoTowerModel
from tests.components.numpy_tower import Request, contexts

_HYPERPARAMETERS = Hyperparameters(
    embedding_dimension=4, history="none", query_id=True, session_decays=()
)
_COUNTS = np.array([5, 0, 2, 9, 1, 0, 3])
_N = len(_COUNTS)


class _Table(tf.Module):
    """Stands in place of a tower."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.values = tf.Variable(values.astype(np.float32))

    def __call__(self, wanted: object, *_: object) -> tf.Tensor:
        if tf.is_tensor(wanted):
            return tf.gather(self.values, wanted)
        return tf.convert_to_tensor(self.values)

    def catalogue(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.values)


@dataclasses.dataclass(frozen=True)
class _Case:
    """A batch, and the vectors of its queries and of the catalogue."""

    queries: np.ndarray
    catalogue: np.ndarray
    positive: list[int]
    seen: list[list[int]]
    earlier: list[list[int]]
    weight: np.ndarray

    def masked(self, mask_seen: str) -> list[list[int]]:
        """What each query has seen, as far as it is masked."""
        nothing: list[list[int]] = [[] for _ in self.seen]
        others = [
            [candidate for candidate in candidates if candidate != own]
            for candidates, own in zip(self.earlier, self.positive, strict=True)
        ]
        return {"none": nothing, "earlier": others, "all": self.seen}[mask_seen]


def _case(seed: int) -> _Case:
    rng = np.random.default_rng(seed)
    # Repeated positives; a query that saw nothing, one that saw the positives of the others, one
    # that saw a candidate twice, and one that saw all but its positive.
    positive = [3, 0, 3, 6, 2, 0]
    seen = [[0, 6, 1], [], [5], [3, 3, 4, 0], [number for number in range(_N) if number != 2], [2]]
    return _Case(
        queries=rng.normal(0, 1, [6, 4]),
        catalogue=rng.normal(0, 1, [_N, 4]),
        positive=positive,
        seen=seen,
        # The first meets its positive once more.
        earlier=[[3, 0], *(candidates[: len(candidates) // 2] for candidates in seen[1:])],
        weight=np.array([1.0, 0.5, 2.0, 1.5, 1.0, 0.0]),
    )


class _Outcome(NamedTuple):
    """A loss, and its gradients with respect to the vectors of queries and catalogue."""

    loss: float
    of_queries: np.ndarray
    of_catalogue: np.ndarray


def _measured(case: _Case, **changes: object) -> tuple[TwoTowerModel, _Outcome]:
    """The model, and what it makes of a batch."""
    hyperparameters = dataclasses.replace(_HYPERPARAMETERS, **changes)  # type: ignore[arg-type]
    model = TwoTowerModel(3, _COUNTS, (_COUNTS + 1) / 27, {}, {}, hyperparameters)
    model.query_tower, model.candidate_tower = _Table(case.queries), _Table(case.catalogue)
    asked = contexts(
        [
            Request(number, [(candidate, 60.0) for candidate in earlier], seen)
            for number, (earlier, seen) in enumerate(zip(case.earlier, case.seen, strict=True))
        ]
    )
    batch = Batch(asked, tf.constant(case.positive, tf.int64), tf.constant(case.weight, tf.float32))
    tables = [model.query_tower.values, model.candidate_tower.values]
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch)
    gradients = [tf.convert_to_tensor(found).numpy() for found in tape.gradient(loss, tables)]
    return model, _Outcome(float(loss), *gradients)


def _expected(
    case: _Case, columns: list[int], correction: np.ndarray, is_in: np.ndarray, own: list[int]
) -> _Outcome:
    """What a softmax makes of a batch.

    Args:
        case: The batch.
        columns: The candidate of each column [C].
        correction: Added to the scores of each column [C].
        is_in: Whether each column takes part in the softmax of each pair [B, C].
        own: The column of the positive of each pair [B].
    """
    vectors = case.catalogue[columns]
    scores = np.where(is_in, case.queries @ vectors.T + correction, -np.inf)
    share = np.exp(scores - scores.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    rows = np.arange(len(own))
    loss = -np.sum(case.weight * np.log(share[rows, own]))
    share[rows, own] -= 1
    share *= case.weight[:, None]
    of_catalogue = np.zeros_like(case.catalogue)
    for column, candidate in enumerate(columns):
        of_catalogue[candidate] += share[:, column] @ case.queries
    return _Outcome(float(loss), share @ vectors, of_catalogue)


def _assert_close(found: _Outcome, expected: _Outcome) -> None:
    for name, values in expected._asdict().items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("mask_seen", SCOPES)
def test_full_softmax_is_that_of_the_catalogue(mask_seen: str, seed: int) -> None:
    case = _case(seed)
    is_in = np.ones([6, _N], bool)
    for row, seen in enumerate(case.masked(mask_seen)):
        is_in[row, seen] = False
    _, measured = _measured(case, softmax="full", mask_seen=mask_seen)
    expected = _expected(case, list(range(_N)), np.zeros(_N), is_in, case.positive)
    _assert_close(measured, expected)


@pytest.mark.parametrize("mask_seen", SCOPES)
@pytest.mark.parametrize("logq_correction", [False, True])
def test_in_batch_softmax_is_that_of_the_batch(logq_correction: bool, mask_seen: str) -> None:
    case = _case(2)
    positive = np.array(case.positive)
    own = list(range(len(positive)))
    is_in = np.ones([6, 6], bool)
    correction = np.zeros(6)
    if logq_correction:
        correction = -np.log((_COUNTS[positive] + 1) / (_COUNTS + 1).sum())
        is_in &= (positive[:, None] != positive) | np.eye(6, dtype=bool)
    for row, seen in enumerate(case.masked(mask_seen)):
        is_in[row] &= ~np.isin(positive, seen)
    _, measured = _measured(
        case, softmax="in_batch", logq_correction=logq_correction, mask_seen=mask_seen
    )
    expected = _expected(case, case.positive, correction, is_in, own)
    _assert_close(measured, expected)


@pytest.mark.parametrize(("most", "softmax"), [(_N, "full"), (_N - 1, "in_batch")])
def test_auto_samples_large_catalogues(
    monkeypatch: pytest.MonkeyPatch, most: int, softmax: str
) -> None:
    monkeypatch.setattr(model_module, "MOST_FOR_FULL_SOFTMAX", most)
    case = _case(3)
    model, chosen = _measured(case, softmax="auto")
    assert model.softmax == softmax
    by_name = {name: _measured(case, softmax=name)[1].loss for name in ("full", "in_batch")}
    assert chosen.loss == by_name[softmax]
    assert by_name["full"] != pytest.approx(by_name["in_batch"], rel=1e-3)
