"""Each part whose rate is measured does its work, on little data."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import rates, synthetic


@pytest.mark.slow
def test_the_rows_of_each_part(tmp_path: Path) -> None:
    size = synthetic.Size.of_events(6_000)
    data, work = tmp_path / "data", tmp_path / "work"
    synthetic.write(data, size)
    work.mkdir()
    assert rates.generate_examples(data, work) == size.events
    analysed = rates.analyse(data, work)
    train = rates.read(data, work)
    assert analysed == train + size.movies
    # 80 % are not held out for evaluation, and 90 % of those not for validation.
    assert abs(train / size.events - 0.72) < 0.05


def test_a_rate_is_what_the_rows_between_two_sizes_cost() -> None:
    part = rates.Part(rates.read, rows=[10, 10, 1_010], cpu=[9.0, 3.0, 5.0])
    assert part.rate() == 500
