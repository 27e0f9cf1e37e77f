"""Operations on ragged lists against plain Python, and who returns."""

from __future__ import annotations

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serving import context
from tests.components.numpy_tower import LONG_AGO, Request, contexts

# Empty lists anywhere, and none at all.
_LISTS = st.lists(st.lists(st.integers(-3, 9), max_size=5), max_size=6)


def _ragged(lists: list[list[int]]) -> tf.RaggedTensor:
    return tf.ragged.constant(lists, tf.int64, ragged_rank=1, row_splits_dtype=tf.int64)


@settings(deadline=None)
@given(_LISTS)
def test_row_numbers_are_those_of_tensorflow(lists: list[list[int]]) -> None:
    ragged = _ragged(lists)
    numbers = context.row_numbers(ragged)
    assert numbers.dtype == tf.int64
    assert numbers.numpy().tolist() == [row for row, listed in enumerate(lists) for _ in listed]
    assert numbers.numpy().tolist() == ragged.value_rowids().numpy().tolist()


@settings(deadline=None)
@given(_LISTS, st.integers(-4, 10))
def test_values_are_kept_in_their_rows(lists: list[list[int]], least: int) -> None:
    ragged = _ragged(lists)
    kept = context.keep(ragged, ragged.values >= least)
    assert kept.to_list() == [[value for value in row if value >= least] for row in lists]
    assert kept.nrows() == len(lists)


@settings(deadline=None)
@given(_LISTS, st.integers(1, 6))
def test_the_most_recent_are_the_last(lists: list[list[int]], length: int) -> None:
    recent = context.most_recent(_ragged(lists), length)
    assert recent.to_list() == [row[-length:] for row in lists]


def test_returning_visitors_have_all_that_they_saw_behind_them() -> None:
    asked = contexts([Request(4, [(1, 5.0)], [1, 2, 3]), Request(-1), Request(0, [], [2])])
    returning = context.of_returning_visitors(asked)
    assert returning.history.to_list() == [[1, 2, 3], [], [2]]
    assert returning.ages.to_list() == [[LONG_AGO] * 3, [], [LONG_AGO]]
    assert returning.seen.to_list() == [[1, 2, 3], [], [2]]
    assert returning.query.numpy().tolist() == [4, -1, 0]
