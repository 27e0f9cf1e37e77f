"""What the page asks: recommendations with genres and reasons, and movies by part of a title."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

from components.datasets.movielens import MOVIELENS
from components.serving.interface import (
    ALIAS,
    ALIAS_POSITION,
    COUNT,
    EVENT_TIMES,
    EVENTS,
    EXPLAIN_SIGNATURE,
    HISTORY_OF_QUERY_SIGNATURE,
    HISTORY_SIGNATURE,
    INDEX_SIGNATURE,
    ITEMS,
    LABELS,
    RECOMMEND_SIGNATURE,
    SCORE,
    K,
)
from pipeline.failure import OutputError
from pipeline.model_catalogue import ModelCatalogue
from pipeline.server.model import RequestError, ServedModel
from pipeline.server.predict_api import to_json

MOST_RECOMMENDATIONS = 100
_MOST_MATCHES = 8
_MOST_EVENTS = 100
# How long before the request the movies of a history count as seen.
_SECONDS_AGO = 60


class Catalogue:
    """Titles and labels of a model's candidates, to search in and to show.

    Args:
        model: The model.
    """

    def __init__(self, model: ServedModel) -> None:
        index = {
            name: to_json(values) for name, values in model.predict(INDEX_SIGNATURE, {}).items()
        }
        self._rows = list(
            zip(
                index[MOVIELENS.candidate_id],
                index[MOVIELENS.candidate_title],
                index[LABELS],
                strict=True,
            )
        )
        self._folded = [title.casefold() for title in index[MOVIELENS.candidate_title]]
        self.labels_of_id = {number: labels for number, _, labels in self._rows}
        position_of_id = dict(zip(index[ALIAS], index[ALIAS_POSITION], strict=True))
        self._named = ModelCatalogue(index[MOVIELENS.candidate_title], position_of_id)

    def id_and_title(self, name: str) -> tuple[str, str]:
        """Id and title of the candidate with a title or id.

        Raises:
            RequestError: There is none.
        """
        try:
            number, title, _ = self._rows[self._named.position(name)]
        except OutputError as error:
            raise RequestError(str(error)) from None
        return number, title

    def matches(self, text: str) -> list[dict[str, str]]:
        """The candidates whose titles have a text in them, those that begin with it first."""
        wanted = text.strip().casefold()
        if not wanted:
            return []
        found = [place for place, title in enumerate(self._folded) if wanted in title]
        found.sort(key=lambda place: (not self._folded[place].startswith(wanted), place))
        names = ("id", "title", "labels")
        return [dict(zip(names, self._rows[place], strict=True)) for place in found[:_MOST_MATCHES]]


@functools.lru_cache(maxsize=2)
def catalogue_of(model: ServedModel) -> Catalogue:
    """The catalogue of a version, read once."""
    return Catalogue(model)


def recommendations(
    model: ServedModel, user: str | None, movies: Sequence[str], k: int
) -> dict[str, Any]:
    """What a user, or somebody who likes some movies, gets, and why.

    Args:
        model: Who answers.
        user: Id of a user; None to go by `movies`.
        movies: Ids or titles of movies.
        k: How many recommendations.

    Raises:
        RequestError: Neither or both are given, a movie is not known, or too much is asked for.
    """
    if (user is None) == (not movies):
        raise RequestError("either a user or movies have to be given.")
    if not 1 <= k <= MOST_RECOMMENDATIONS:
        raise RequestError(f"k has to be between 1 and {MOST_RECOMMENDATIONS}.")
    if len(movies) > _MOST_EVENTS:
        raise RequestError(f"at most {_MOST_EVENTS} movies can be given.")
    if user is not None:
        asked: dict[str, Any] = {MOVIELENS.query_id: [user]}
        known = _row(model, HISTORY_OF_QUERY_SIGNATURE, asked)
        history = list(
            zip(known[MOVIELENS.candidate_id], known[MOVIELENS.candidate_title], strict=True)
        )[: known[COUNT]]
        listed = _row(model, RECOMMEND_SIGNATURE, {**asked, K: [k]})
    else:
        history = [catalogue_of(model).id_and_title(movie) for movie in movies]
        times = [int(time.time()) - _SECONDS_AGO] * len(history)
        asked = {EVENTS: [[number for number, _ in history]], EVENT_TIMES: [times], K: [k]}
        listed = _row(model, HISTORY_SIGNATURE, asked)
    ids = listed[MOVIELENS.candidate_id]
    reasons = _row(
        model, EXPLAIN_SIGNATURE, {EVENTS: [[number for number, _ in history]], ITEMS: [ids]}
    )
    labels = catalogue_of(model).labels_of_id
    found = zip(
        ids,
        listed[MOVIELENS.candidate_title],
        listed[SCORE],
        reasons[MOVIELENS.candidate_title],
        strict=True,
    )
    return {
        "version": model.version,
        "history": [title for _, title in reversed(history)],
        "recommendations": [
            {
                "rank": rank,
                "id": number,
                "title": title,
                "score": score,
                "labels": labels[number],
                "because": because,
            }
            for rank, (number, title, score, because) in enumerate(found, start=1)
        ],
    }


def _row(model: ServedModel, signature: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The answer to a single request."""
    answer = model.predict(signature, inputs)
    return {name: to_json(values[0]) for name, values in answer.items()}
