"""Training batches against plain Python over the events."""

from __future__ import annotations

import collections
import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from components.serving.query_events import QueryEvents
from components.trainer.batches import Contexts, training_batches
from components.trainer.model import Batch
from tests.components.interactions import Event, draw_events, earlier, interactions
from tests.components.numpy_tower import LONG_AGO

_QUERIES, _ROWS = 5, 60
# Few seconds, so that a query has several events in one of them.
_EVENTS = draw_events(_QUERIES, candidates=9, events=_ROWS, seed=4, seconds=30)
# The weight of a row says which one it is.
_WEIGHTS = np.arange(_ROWS, dtype=np.float32)


def _batches(
    batch_size: int,
    batches: int,
    returning_share: float = 0.0,
    seed: int = 3,
    unread_share: tuple[float, float] = (0.0, 0.0),
) -> list[Batch]:
    train = dataclasses.replace(
        interactions(_EVENTS), features={"query_place": np.arange(_ROWS) * 10}
    )
    events = QueryEvents.in_train(train, _QUERIES)
    endless = training_batches(
        train, events, _WEIGHTS, batch_size, returning_share, unread_share, seed
    )
    return list(endless.take(batches))


def _rows(batches: list[Batch]) -> list[int]:
    return [int(weight) for batch in batches for weight in batch.weight.numpy()]


def _ages(row: Event) -> list[float]:
    return [float(row[2] - event[2]) for event in earlier(_EVENTS, row)]


def test_each_pass_has_each_row_once_in_another_order() -> None:
    batches = _batches(batch_size=20, batches=9)
    passes = [_rows(batches[first : first + 3]) for first in (0, 3, 6)]
    for one_pass in passes:
        assert sorted(one_pass) == list(range(_ROWS))
    for one, other in itertools.combinations(passes, 2):
        assert one != other


def test_the_remainder_of_a_pass_is_left_out() -> None:
    batches = _batches(batch_size=25, batches=40)
    counts: collections.Counter[int] = collections.Counter()
    for first in range(0, 40, 2):
        one_pass = _rows(batches[first : first + 2])
        assert len(one_pass) == len(set(one_pass)) == 50
        counts.update(one_pass)
    assert sorted(counts) == list(range(_ROWS))


def test_equal_seeds_give_equal_batches() -> None:
    one, same, other = (_batches(20, 4, 0.5, seed) for seed in (1, 1, 2))
    assert _rows(one) == _rows(same) != _rows(other)
    for batch, again in zip(one, same, strict=True):
        assert batch.context.history.to_list() == again.context.history.to_list()


def test_rows_know_what_the_events_say() -> None:
    for batch in _batches(batch_size=15, batches=4):
        context = batch.context
        listed = zip(
            _rows([batch]),
            context.query.numpy(),
            batch.candidate.numpy(),
            context.history.to_list(),
            context.ages.to_list(),
            context.seen.to_list(),
            context.features["query_place"].numpy(),
            strict=True,
        )
        for row, query, candidate, history, ages, seen, place in listed:
            event = _EVENTS[row]
            assert (query, candidate, place) == (event[0], event[1], row * 10)
            before = [other[1] for other in earlier(_EVENTS, event)]
            assert history == before
            assert ages == _ages(event)
            others = [other[1] for other in _EVENTS if other[0] == query]
            assert sorted(seen) == sorted(other for other in others if other != candidate)


def test_all_return_where_the_share_is_one() -> None:
    for batch in _batches(batch_size=15, batches=4, returning_share=1.0):
        context = batch.context
        assert context.history.to_list() == context.seen.to_list()
        assert set(context.ages.values.numpy()) == {LONG_AGO}
        for candidate, seen in zip(batch.candidate.numpy(), context.seen.to_list(), strict=True):
            assert candidate not in seen
        assert context.query.numpy().tolist() == [_EVENTS[row][0] for row in _rows([batch])]


def test_some_return_and_the_others_stay_as_they_are() -> None:
    batches = _batches(batch_size=20, batches=60, returning_share=0.3)
    returned = []
    for batch in batches:
        context = batch.context
        listed = zip(
            _rows([batch]),
            context.history.to_list(),
            context.ages.to_list(),
            context.seen.to_list(),
            strict=True,
        )
        for row, history, ages, seen in listed:
            event = _EVENTS[row]
            is_back = ages == [LONG_AGO] * len(seen)
            returned.append(is_back)
            expected = seen if is_back else [other[1] for other in earlier(_EVENTS, event)]
            assert history == expected
            assert is_back or ages == _ages(event)
    assert np.mean(returned) == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("unread_share", [(0.4, 0.4), (0.1, 0.9)])
def test_a_share_of_what_is_known_is_not_read(unread_share: tuple[float, float]) -> None:
    low, high = unread_share
    shares = []
    for batch in _batches(batch_size=20, batches=120, unread_share=unread_share):
        assert batch.size is not None
        read = batch.context.seen.to_list()
        listed = zip(_rows([batch]), batch.candidate.numpy(), read, batch.size, strict=True)
        for row, candidate, part, size in listed:
            known = collections.Counter(
                other[1] for other in _EVENTS if other[0] == _EVENTS[row][0]
            )
            del known[candidate]
            assert known >= collections.Counter(part)
            assert size == sum(known.values())
            shares.append(1 - len(part) / int(size))
    assert np.mean(shares) == pytest.approx((low + high) / 2, abs=0.02)
    # Of n events each left out with a share p: p (1 - p) / n, and the spread of p itself.
    assert (np.std(shares) > 0.25) == (low < high)
    one, same = (_batches(20, 2, seed=5, unread_share=unread_share) for _ in range(2))
    assert [b.context.seen.to_list() for b in one] == [b.context.seen.to_list() for b in same]


def test_contexts_of_another_split_know_the_train_events() -> None:
    valid: list[Event] = [(0, 8, 12), (1, 7, 30), (1, 3, 0)]
    contexts = Contexts(interactions(valid, train=_EVENTS))
    batch = contexts.of(tf.constant([2, 0], tf.int64))
    for place, row in enumerate((valid[2], valid[0])):
        before = earlier(_EVENTS, row)
        assert batch.context.history.to_list()[place] == [event[1] for event in before]
        assert batch.context.ages.to_list()[place] == _ages(row)
        seen = {event[1] for event in _EVENTS if event[0] == row[0]}
        assert set(batch.context.seen.to_list()[place]) == seen
    assert batch.candidate.numpy().tolist() == [3, 8]
    assert batch.weight.numpy().tolist() == [1.0, 1.0]
