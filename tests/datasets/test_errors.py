"""The sentence of a DataError, and its way through processes."""

from __future__ import annotations

import pickle

from components.datasets.errors import DataError

ERROR = DataError(
    "is not an integer", "correct it", file="u.data", line=7, column="timestamp", value="abc"
)


def test_the_sentence_names_all_that_is_known() -> None:
    expected = "u.data, line 7, column timestamp: 'abc' is not an integer. Remedy: correct it."
    assert str(ERROR) == expected


def test_the_sentence_leaves_out_what_is_not_known() -> None:
    assert str(DataError("nothing there", "try again")) == "nothing there. Remedy: try again."
    assert str(DataError("is empty", "fill it", file="a")) == "a: is empty. Remedy: fill it."


def test_the_sentence_is_one_line_of_bounded_values() -> None:
    text = str(DataError("bad\nvery", "none", value="x" * 500))
    assert "\n" not in text
    assert len(text) < 150


def test_pickling_keeps_the_place() -> None:
    again = pickle.loads(pickle.dumps(ERROR))
    assert vars(again) == vars(ERROR)
    assert str(again) == str(ERROR)
