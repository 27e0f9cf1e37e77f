"""How a request is read, and models that cannot be asked it; the lists are checked end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from components.datasets.movielens import MOVIE_ID, MOVIE_TITLE
from components.serving.interface import INDEX_SIGNATURE, SERVING_SIGNATURE
from pipeline.cli import main
from pipeline.failure import OutputError, UsageError
from pipeline.model_catalogue import ModelCatalogue
from pipeline.paths import OutputPaths
from pipeline.request_time import parse_request_time

TITLES = [
    "Toy Story (1995)",
    "Toy Story 2 (1999)",
    "Sabrina (1954)",
    "Sabrina (1995)",
    "sabrina (1995)",
    "187 (1997)",
    "unknown",
]
CATALOGUE = ModelCatalogue(TITLES, {"1": 0, "187": 1, "900": 1, "7": 6})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("891388800", 891_388_800),
        ("1998-04-01", 891_388_800),
        ("1998-04-01T12:00:00", 891_432_000),
        ("1998-04-01 12:00", 891_432_000),
        ("1998-04-01T12:00:00Z", 891_432_000),
        ("1998-04-01T14:00:00+02:00", 891_432_000),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert parse_request_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-1", "1.5", "1969-12-31", "1998-13-01", "891388800000", "9" * 5000]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="seconds since 1970, or an ISO date"):
        parse_request_time(text)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Toy Story (1995)", "Toy Story (1995)"),
        ("  toy story (1995) ", "Toy Story (1995)"),
        ("1", "Toy Story (1995)"),
        (" 900 ", "Toy Story 2 (1999)"),
        ("187", "Toy Story 2 (1999)"),
        ("Sabrina (1995)", "Sabrina (1995)"),
        ("sabrina (1995)", "sabrina (1995)"),
        ("Unknown", "unknown"),
    ],
)
def test_names_of_movies(name: str, title: str) -> None:
    assert TITLES[CATALOGUE.position(name)] == title


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("Toy Story", '; did you mean "Toy Story (1995)" or "Toy Story 2 (1999)"?'),
        ("toy storey (1995)", '; did you mean "Toy Story (1995)" or "Toy Story 2 (1999)"?'),
        ("Toy Story 2", '; did you mean "Toy Story 2 (1999)" or "Toy Story (1995)"?'),
        (
            "Sabrina",
            '; did you mean "Sabrina (1954)" or "Sabrina (1995)" or "sabrina (1995)"?',
        ),
        ("123456", "."),
        ("", "."),
    ],
)
def test_the_closest_titles_are_suggested(name: str, rest: str) -> None:
    with pytest.raises(OutputError) as error:
        CATALOGUE.position(name)
    sentence = f"{name!r} is neither the title nor the id of a movie that the model knows{rest}"
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("asked", "names", "sentence"),
    [
        (["--user", "1"], [SERVING_SIGNATURE], "has no signature 'indexed_candidates'"),
        (["--history", "1"], [SERVING_SIGNATURE], "has no signature 'indexed_candidates'"),
        (["--user", "1", "--at", "0"], [INDEX_SIGNATURE], "by its signature 'recommend'"),
        (["--history", "1"], [INDEX_SIGNATURE], "by its signature 'indexed_candidates'"),
    ],
)
def test_a_model_that_cannot_be_asked_is_one_sentence(
    asked: list[str],
    names: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = tf.Module()
    module.index = tf.function(
        lambda: {MOVIE_ID: tf.constant(["1"]), MOVIE_TITLE: tf.constant(["Film"])},
        input_signature=[],
    )
    folder = OutputPaths.of(tmp_path).serving / "17"
    tf.saved_model.save(module, str(folder), dict.fromkeys(names, module.index))
    capsys.readouterr()

    assert main(["recommend", *asked, "--output", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert "earlier release" in captured.err
    assert len(captured.err.splitlines()) == 1
