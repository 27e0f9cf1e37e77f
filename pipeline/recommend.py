"""Asks the pushed model for recommendations, with plain TensorFlow as any server would."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.datasets.movielens import MOVIELENS
from components.serving.interface import (
    ALIAS,
    ALIAS_POSITION,
    EVENT_TIMES,
    EVENTS,
    HISTORY_SIGNATURE,
    INDEX_SIGNATURE,
    RECOMMEND_SIGNATURE,
    REQUEST_TIME,
    SCORE,
    SERVING_SIGNATURE,
)
from pipeline.exported_models import find_model
from pipeline.failure import OutputError
from pipeline.log_capture import captured_logs
from pipeline.model_catalogue import ModelCatalogue
from pipeline.paths import OutputPaths

# How long before the request the movies of a history count as seen.
_SECONDS_AGO = 60
_LIST = (MOVIELENS.candidate_id, MOVIELENS.candidate_title, SCORE)


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A movie that was recommended.

    Attributes:
        rank: Its place, from 1.
        movie_id: Its id.
        title: Its title.
        score: What the model ranked it by; only comparable within one answer.
    """

    rank: int
    movie_id: str
    title: str
    score: float


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the model said.

    Attributes:
        version: Version of the model.
        recommendations: Best first.
        history: Titles that were asked about, as the model knows them; empty for a user.
    """

    version: int
    recommendations: list[Recommendation]
    history: list[str] = dataclasses.field(default_factory=list)


def recommend_to_user(paths: OutputPaths, user: str, at: int | None, k: int) -> Answer:
    """The best `k` movies for a user; for a user it does not know, the most popular ones.

    Args:
        paths: Output folder of the runs that pushed the model; the newest version is used.
        user: Id of the user.
        at: When the user asks, in seconds since 1970; None for now.
        k: How many, at most `SERVED`.

    Raises:
        OutputError: No model was pushed yet, or one that cannot be asked so.
    """
    with captured_logs():
        model = _PushedModel(paths)
        if at is None:
            lists = model.ask(SERVING_SIGNATURE, {MOVIELENS.query_id: [user]}, _LIST)
        else:
            request = {MOVIELENS.query_id: [user], REQUEST_TIME: [at]}
            lists = model.ask(RECOMMEND_SIGNATURE, request, _LIST)
    return Answer(model.version, _best(lists, k))


def recommend_from_history(paths: OutputPaths, history: Sequence[str], k: int) -> Answer:
    """The best `k` movies for somebody who is not known, without those of the history.

    Args:
        paths: Output folder of the runs that pushed the model; the newest version is used.
        history: Titles or ids of movies; one that is named twice counts once.
        k: How many, at most `SERVED`.

    Raises:
        OutputError: No model was pushed yet, or one that cannot be asked so, or one that does not
            know a movie of the history.
    """
    with captured_logs():
        model = _PushedModel(paths)
        index = model.ask(INDEX_SIGNATURE, {}, (*_LIST[:2], ALIAS, ALIAS_POSITION))
        ids, titles, aliases = (
            _texts(index[name])
            for name in (MOVIELENS.candidate_id, MOVIELENS.candidate_title, ALIAS)
        )
        position_of_id = dict(zip(aliases, index[ALIAS_POSITION].tolist(), strict=True))
        catalogue = ModelCatalogue(titles, position_of_id)
        positions = list(dict.fromkeys(map(catalogue.position, history)))
        # Whoever names movies now is in a sitting: of events long ago only taste would count.
        now = int(time.time())
        request = {
            EVENTS: [[ids[position] for position in positions]],
            EVENT_TIMES: [[now - _SECONDS_AGO] * len(positions)],
            REQUEST_TIME: [now],
        }
        lists = model.ask(HISTORY_SIGNATURE, request, _LIST)
    return Answer(model.version, _best(lists, k), [titles[position] for position in positions])


class _PushedModel:
    """The newest version that was pushed.

    Args:
        paths: Output folder of the runs that pushed it.

    Raises:
        OutputError: There is none, or it is not one of this pipeline.
    """

    def __init__(self, paths: OutputPaths) -> None:
        versions = paths.versions()
        if not versions:
            raise OutputError(
                f"no model was pushed to {paths.serving} yet: run the pipeline first, or name its"
                " folder with --output."
            )
        self.version = versions[-1]
        folder = find_model(str(self.version), paths)
        from components.serving.loading import load

        self._model = load(str(folder))

    def ask(
        self, name: str, inputs: Mapping[str, Any], outputs: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Outputs of a signature for one request.

        Args:
            name: Name of the signature.
            inputs: Its inputs, as nested lists; the query features that it takes besides are not
                told.
            outputs: What it has to give.

        Raises:
            OutputError: There is no such signature.
        """
        from components.serving.asking import ask

        signature = self._model.signatures.get(name)
        if signature is None or not signature.structured_outputs.keys() >= set(outputs):
            raise OutputError(
                f"version {self.version} cannot be asked by its signature {name!r}: it is a model"
                " of an earlier release; run the pipeline to push a new one."
            )
        answer = ask(signature, inputs)
        return {output: answer[output] for output in outputs}


def _best(lists: Mapping[str, np.ndarray], k: int) -> list[Recommendation]:
    """The first `k` of the only list."""
    ids, titles, scores = (lists[name][0, :k] for name in _LIST)
    return [
        Recommendation(rank, movie_id, title, score)
        for rank, (movie_id, title, score) in enumerate(
            zip(_texts(ids), _texts(titles), scores.tolist(), strict=True), start=1
        )
        if title  # empty where all other movies were seen
    ]


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode() for value in values.tolist()]
