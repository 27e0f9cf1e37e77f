"""Splits: shares, determinism, and no event on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.example_gen import splits
from components.example_gen.splits import EVAL, TRAIN, VALID, SplitSpec
from components.examples.hashing import stable_hash


def test_random_shares() -> None:
    rng = np.random.default_rng(0)
    queries, candidates = rng.integers(0, 2**63, (2, 200_000)).astype(np.uint64)
    codes = splits.assign_random(queries, candidates, SplitSpec())
    # 20 % eval, and 10 % of the rest valid; four standard errors of 200,000 draws.
    assert np.mean(codes == EVAL) == pytest.approx(0.2, abs=0.0036)
    assert np.mean(codes == VALID) == pytest.approx(0.08, abs=0.0025)


def test_random_depends_on_seed_and_pair_only() -> None:
    queries = stable_hash(np.array(["1", "2", "1", "1"], dtype=object))
    candidates = stable_hash(np.array(["a", "b", "a", "b"], dtype=object))
    codes = splits.assign_random(queries, candidates, SplitSpec())
    assert codes[0] == codes[2]
    np.testing.assert_array_equal(
        codes[::-1], splits.assign_random(queries[::-1], candidates[::-1], SplitSpec())
    )
    many = np.arange(1000, dtype=np.uint64)
    assert not np.array_equal(
        splits.assign_random(many, many, SplitSpec(seed=1)),
        splits.assign_random(many, many, SplitSpec(seed=2)),
    )


def test_hash_is_the_same_everywhere() -> None:
    # Written down from another process: a hash that changed would move events between splits.
    first = stable_hash(np.array(["196"], dtype=object))
    assert first.dtype == np.uint64
    assert first[0] == stable_hash(np.array(["242", "196"], dtype=object))[1]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300))
def test_temporal_cuts_global_time(times: list[int]) -> None:
    sorted_times, counts = np.unique(times, return_counts=True)
    bounds = splits.temporal_bounds(sorted_times, counts, SplitSpec(method="temporal"))
    codes = splits.assign_temporal(np.array(times), bounds)
    for earlier, later in ((TRAIN, VALID), (VALID, EVAL), (TRAIN, EVAL)):
        first = np.array(times)[codes == earlier]
        second = np.array(times)[codes == later]
        assert not len(first) or not len(second) or first.max() < second.min()
    assert np.sum(codes == EVAL) > 0


def test_temporal_shares_with_distinct_times() -> None:
    times = np.arange(1000)
    bounds = splits.temporal_bounds(times, np.ones(1000, np.int64), SplitSpec(method="temporal"))
    codes = splits.assign_temporal(times, bounds)
    assert [int(np.sum(codes == code)) for code in (TRAIN, VALID, EVAL)] == [720, 80, 200]


@given(st.lists(st.integers(1, 6), max_size=8), st.integers(1, 4))
def test_last_takes_the_end_of_each_query(lengths: list[int], eval_events: int) -> None:
    queries = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    spec = SplitSpec(method="last", valid_fraction=1 - 1e-12, eval_events=eval_events)
    expected = [
        code
        for length in lengths
        for code in ([TRAIN] * length + [VALID] + [EVAL] * eval_events)[-length:]
    ]
    np.testing.assert_array_equal(splits.assign_last(queries, spec), expected)


def test_last_draws_the_queries_with_a_valid_event() -> None:
    queries = np.repeat(stable_hash(np.arange(20_000).astype(str).astype(object)), 3)
    spec = SplitSpec(method="last")
    codes = splits.assign_last(queries, spec)
    # Four standard errors of 20,000 draws.
    assert np.sum(codes == VALID) / 20_000 == pytest.approx(0.1, abs=0.0085)
    np.testing.assert_array_equal(codes[-3000:], splits.assign_last(queries[-3000:], spec))
    other = splits.assign_last(queries, SplitSpec(method="last", seed=1))
    assert not np.array_equal(codes, other)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"method": "sideways"}, "sideways"),
        ({"eval_fraction": 1.0}, "eval_fraction"),
        ({"valid_fraction": 0}, "valid_fraction"),
        ({"history": "all"}, "history 'all'"),
        ({"history_length": 0}, "history_length is 0"),
        ({"eval_events": 0}, "eval_events is 0"),
    ],
)
def test_bad_spec_names_the_value(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SplitSpec(**arguments)  # type: ignore[arg-type]
