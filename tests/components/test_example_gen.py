"""ExampleGen against the raw files, read here by hand."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.datasets.errors import DataError
from components.example_gen.splits import SPLIT_NAMES, SplitSpec
from components.examples import parquet
from components.examples.columns import MADE_COLUMNS
from tests.components.steps import run_example_gen

Row = tuple[str, str, float, int]


@dataclasses.dataclass(frozen=True)
class Ingested:
    """What ExampleGen alone makes of a folder."""

    source: Path
    examples: standard_artifacts.Examples
    candidates: standard_artifacts.Examples


@pytest.fixture(scope="module")
def ingested(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """The generated data set after ExampleGen."""
    output = tmp_path_factory.mktemp("ingested")
    return Ingested(raw_folder, *run_example_gen(str(raw_folder), output, SplitSpec()))


def _raw_rows(folder: Path) -> list[Row]:
    lines = (folder / "u.data").read_text().splitlines()
    fields = [line.split("\t") for line in lines]
    return [(user, movie, float(rating), int(time)) for user, movie, rating, time in fields]


def _titles(folder: Path) -> dict[str, str]:
    lines = (folder / "u.item").read_text("latin-1").splitlines()
    return {line.split("|")[0]: line.split("|")[1] for line in lines}


def _read(examples: standard_artifacts.Examples, split: str) -> dict[str, list[list[object]]]:
    columns: dict[str, list[list[object]]] = collections.defaultdict(list)
    for batch in parquet.read_split(examples.uri, split):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            columns[name] += column.to_pylist()
    return columns


def _events(columns: dict[str, list[list[object]]]) -> list[Row]:
    names = ("user_id", "movie_id", "user_rating", "timestamp")
    rows = zip(*(columns[name] for name in names), strict=True)
    return [(u[0].decode(), m[0].decode(), r[0], t[0]) for u, m, r, t in rows]  # type: ignore[attr-defined, misc]


@pytest.mark.parametrize("method", ["random", "temporal", "last"])
def test_splits_hold_every_event_once(raw_folder: Path, tmp_path: Path, method: str) -> None:
    examples, _ = run_example_gen(str(raw_folder), tmp_path, SplitSpec(method=method))
    by_split = {split: _events(_read(examples, split)) for split in SPLIT_NAMES}
    assert sorted(itertools.chain(*by_split.values())) == sorted(_raw_rows(raw_folder))
    if method == "temporal":
        latest = {split: max(row[3] for row in rows) for split, rows in by_split.items()}
        assert latest["train"] < min(row[3] for row in by_split["valid"])
        assert latest["valid"] < min(row[3] for row in by_split["eval"])
    if method == "last":
        last: dict[str, int] = collections.defaultdict(int)
        for user, _, _, time in _raw_rows(raw_folder):
            last[user] = max(last[user], time)
        assert {row[0]: row[3] for row in by_split["eval"]} == dict(last)


def test_random_split_never_has_a_pair_on_both_sides(ingested: Ingested) -> None:
    pairs = {}
    for split in SPLIT_NAMES:
        columns = _read(ingested.examples, split)
        pairs[split] = {
            (user[0], title[0])
            for user, title in zip(columns["user_id"], columns["movie_title"], strict=True)
        }
    assert not pairs["train"] & pairs["eval"]
    assert not pairs["train"] & pairs["valid"]
    assert not pairs["valid"] & pairs["eval"]


def test_catalogue_has_each_title_once_rated_or_not(ingested: Ingested) -> None:
    columns = _read(ingested.candidates, "train")
    found = [title[0].decode() for title in columns["movie_title"]]  # type: ignore[attr-defined]
    assert sorted(found) == sorted(set(_titles(ingested.source).values()))
    rated = {row[1] for row in _raw_rows(ingested.source)}
    assert set(_titles(ingested.source)) - rated, "the data set should have a movie never rated"
    assert ingested.candidates.get_int_custom_property("shared_keys") == 1


def test_catalogue_lists_every_id_of_a_title(ingested: Ingested) -> None:
    ids = collections.defaultdict(list)
    for movie, title in _titles(ingested.source).items():
        ids[title.encode()].append(movie.encode())
    columns = _read(ingested.candidates, "train")
    titles = [title[0] for title in columns["movie_title"]]
    assert dict(zip(titles, columns["candidate_aliases"], strict=True)) == ids
    assert [len(listed) for listed in columns["candidate_aliases"]].count(2) == 1


def test_columns_that_one_side_lacks_are_missing(ingested: Ingested) -> None:
    both = [_read(ingested.examples, "eval"), _read(ingested.candidates, "train")]
    filled = [
        {name for name in MADE_COLUMNS if any(value is not None for value in columns[name])}
        for columns in both
    ]
    assert filled == [{"history", "history_times", "seen_candidates"}, {"candidate_aliases"}]
    assert list(both[0]) == list(both[1]) == sorted(both[0])


def test_counts_are_recorded(ingested: Ingested) -> None:
    examples = ingested.examples
    for split in SPLIT_NAMES:
        recorded = examples.get_int_custom_property(f"rows_{split}")
        assert recorded == len(_events(_read(examples, split)))
    assert examples.get_int_custom_property("queries") == 60
    pairs = [(row[0], _titles(ingested.source)[row[1]]) for row in _raw_rows(ingested.source)]
    assert examples.get_int_custom_property("repeated_events") == len(pairs) - len(set(pairs))


def test_two_runs_write_the_same_rows(raw_folder: Path, tmp_path: Path) -> None:
    first, _ = run_example_gen(str(raw_folder), tmp_path / "first", SplitSpec())
    second, _ = run_example_gen(str(raw_folder), tmp_path / "second", SplitSpec())
    for split in SPLIT_NAMES:
        assert _read(first, split) == _read(second, split)


def test_bad_line_is_one_error_and_leaves_no_results(raw_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("u.data", "u.item", "u.user"):
        (broken / name).write_bytes((raw_folder / name).read_bytes())
    lines = (broken / "u.data").read_text().splitlines(keepends=True)
    lines[4] = lines[4].replace("\t", "\tx", 1)
    (broken / "u.data").write_text("".join(lines))
    with pytest.raises(DataError) as caught:
        run_example_gen(str(broken), tmp_path / "output", SplitSpec())
    assert (caught.value.file, caught.value.line, caught.value.column) == ("u.data", 5, "movie_id")


def test_list_columns_round_trip() -> None:
    import pyarrow as pa

    column = pa.array([[1, 2], None, [], [3]], pa.list_(pa.int64()))
    assert parquet.to_example_column(column).to_pylist() == [[1, 2], None, [], [3]]
    strings = pa.chunked_array([["a", None], ["é"]])
    assert parquet.to_example_column(strings).to_pylist() == [[b"a"], None, ["é".encode()]]
    assert parquet.to_example_column(pa.array([1.5, None])).type == pa.large_list(pa.float32())
    with pytest.raises(TypeError, match="date32"):
        parquet.example_type(pa.date32())
    assert parquet.missing_column(pa.string(), 2).to_pylist() == [None, None]
