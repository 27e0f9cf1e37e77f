"""Golden queries: what a model answered when it was exported, for a later process to compare."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components.serving.asking import ask_unsaved
from components.serving.interface import (
    COUNT,
    EMBEDDING_SIGNATURE,
    EVENT_TIMES,
    EVENTS,
    EXCLUDE,
    HISTORY_SIGNATURE,
    ITEM,
    RECOMMEND_SIGNATURE,
    REQUEST_TIME,
    SCORE,
    SIMILAR_SIGNATURE,
    K,
)
from components.serving.manifest import EXTRAS

FILE = os.path.join(EXTRAS, "golden_queries.json")
_K = 20
_SECONDS_AGO = (5, 90, 4000)


@dataclasses.dataclass(frozen=True)
class GoldenQuery:
    """A request and its answer.

    Attributes:
        signature: Name of the signature that was asked.
        inputs: Its inputs, as nested lists.
        outputs: Its outputs, as nested lists.
    """

    signature: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def differs(self, outputs: Mapping[str, np.ndarray], tolerance: float) -> str | None:
        """In what another answer differs, as the end of a sentence; None if in nothing.

        Args:
            outputs: The other answer.
            tolerance: By how much numbers may differ, relative to those above 1.
        """
        for name, expected in self.outputs.items():
            wanted, found = np.array(expected), outputs[name]
            if wanted.shape != found.shape:
                return f"{name} has the shape {list(found.shape)}, not {list(wanted.shape)}"
            if found.dtype == object:
                differs = np.array(_texts(found), dtype=object) != wanted.astype(object)
            else:
                slack = tolerance * np.maximum(np.abs(wanted), 1)
                # Not "above", which a NaN is not either.
                differs = ~(np.abs(found - wanted) <= slack)
            if np.any(differs):
                place = tuple(int(index[0]) for index in np.nonzero(differs))
                told = _texts(found)[place[0]][place[1]] if found.dtype == object else found[place]
                return f"{name}{list(place)} is {told}, not {wanted[place]}"
        return None


def answered(
    signatures: Mapping[str, Callable[..., dict[str, tf.Tensor]]],
    query_id: str,
    queries: Sequence[str],
    candidate_id: str,
    titles: Sequence[str],
    time: int,
) -> list[GoldenQuery]:
    """Golden queries with the answers of a model.

    Args:
        signatures: Functions of the model by name.
        query_id: Name of the input that takes raw ids of queries.
        queries: Some of them, known and not.
        candidate_id: Name of the output with ids of candidates.
        titles: Keys of three candidates.
        time: When all requests are made; in the unit of event times.
    """
    lists = [candidate_id, SCORE, COUNT]
    when, k = {REQUEST_TIME: [time]}, {K: [_K]}
    who = {query_id: list(queries)}
    times = {EVENT_TIMES: [[time - ago for ago in _SECONDS_AGO]]}
    asked: list[tuple[str, dict[str, Any], list[str]]] = [
        (RECOMMEND_SIGNATURE, {**who, **when, **k}, lists),
        (RECOMMEND_SIGNATURE, {**who, **when, **k, EXCLUDE: [[titles[0]]]}, lists),
        (HISTORY_SIGNATURE, {EVENTS: [list(titles)], **times, **when, **k}, lists),
    ]
    if SIMILAR_SIGNATURE in signatures:
        asked += [
            (SIMILAR_SIGNATURE, {ITEM: list(titles), **k}, lists),
            (EMBEDDING_SIGNATURE, {**who, **when}, []),
        ]
    golden = []
    for name, inputs, outputs in asked:
        answer = ask_unsaved(signatures[name], inputs)
        kept = {key: values for key, values in answer.items() if key in outputs or not outputs}
        golden.append(
            GoldenQuery(
                name,
                inputs,
                {
                    key: _texts(values) if values.dtype == object else values.tolist()
                    for key, values in kept.items()
                },
            )
        )
    return golden


def write(golden: Sequence[GoldenQuery], folder: str) -> None:
    """Writes golden queries into the folder of their SavedModel."""
    with tf.io.gfile.GFile(os.path.join(folder, FILE), "w") as stream:
        stream.write(json.dumps([dataclasses.asdict(query) for query in golden]))


def read(folder: str) -> list[GoldenQuery]:
    """Reads the golden queries of a SavedModel."""
    with tf.io.gfile.GFile(os.path.join(folder, FILE)) as stream:
        return [GoldenQuery(**values) for values in json.loads(stream.read())]


def _texts(values: np.ndarray) -> list[list[str]]:
    return [[text.decode() for text in row] for row in values.tolist()]
