"""The query tower again: one request at a time, with plain loops over its variables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components.serving.context import QueryContext
from components.trainer.hyperparameters import Hyperparameters

DAY = 24 * 3600
LONG_AGO = 180 * DAY
# Where the age of the latest event, or the number of events, stops to make a difference.
_LAST_AGE, _LAST_SIZE = 12, 11
# Weights up to it count as nothing.
_NOTHING = 1e-4
_VARIABLES = (
    "query_embedding",
    "constant",
    "size_vectors",
    "event_vectors",
    "event_feature_vectors",
    "candidate_features",
    "age_vectors",
    "channel_scales",
    "hidden_kernel",
    "hidden_bias",
    "output_kernel",
)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is known of a request.

    Attributes:
        query: Position in the query vocabulary; -1 where unknown.
        history: Candidate, and age in seconds, of each event before it, oldest first.
        seen: Candidates of all events that are known, each once.
        features: Label or bucket of each transformed query feature.
        size: Number of events of which the listed ones are a part; None where they are all.
    """

    query: int = -1
    history: Sequence[tuple[int, float]] = ()
    seen: Sequence[int] = ()
    features: Mapping[str, int] = dataclasses.field(default_factory=dict)
    size: int | None = None

    def returning(self) -> Request:
        """The same query long after its last event."""
        return dataclasses.replace(self, history=[(seen, LONG_AGO) for seen in self.seen])


class NumpyTower:
    """Vectors of requests.

    Args:
        tower: A `QueryTower`, or one that was loaded from a SavedModel.
        hyperparameters: Its hyperparameters.
    """

    def __init__(self, tower: Any, hyperparameters: Hyperparameters) -> None:
        self._hyperparameters = hyperparameters
        variables = {name: getattr(tower, name, None) for name in _VARIABLES}
        variables |= getattr(tower, "feature_vectors", {})
        self._values = {
            name: variable.numpy().astype(np.float64)
            for name, variable in variables.items()
            if variable is not None
        }
        if hyperparameters.history != "none":
            self._tables = self._event_tables()

    def vector(self, request: Request) -> np.ndarray:
        """The vector of a request [D] or, with a bias coordinate, [D + 1], float64."""
        hyperparameters, values = self._hyperparameters, self._values
        vector = np.zeros(hyperparameters.embedding_dimension)
        if hyperparameters.query_id and request.query >= 0:
            vector += values["query_embedding"][request.query]
        if hyperparameters.query_features:
            for name, place in request.features.items():
                vector += values[name][place]
        if hyperparameters.history != "none":
            vector += self._of_events(request)
        return np.append(vector, 1.0) if hyperparameters.candidate_bias else vector

    def _event_tables(self) -> np.ndarray:
        """What an event of each candidate adds to each channel [channels, candidates, D]."""
        values, hyperparameters = self._values, self._hyperparameters
        shape = (1 + len(hyperparameters.session_decays), -1, hyperparameters.embedding_dimension)
        tables = values["event_vectors"].reshape(shape)
        if "event_feature_vectors" not in values:
            return tables
        for table, of_features in zip(tables, values["event_feature_vectors"], strict=True):
            for candidate, features in enumerate(values["candidate_features"]):
                for number, is_set in enumerate(features):
                    table[candidate] += is_set * of_features[number]
        return tables

    def _of_events(self, request: Request) -> np.ndarray:
        hyperparameters, values = self._hyperparameters, self._values
        width = hyperparameters.embedding_dimension
        decays = hyperparameters.session_decays
        tables = self._tables
        history = [(candidate, min(age, LONG_AGO)) for candidate, age in request.history]
        channels = np.zeros([1 + len(decays), width])

        listed = request.seen if hyperparameters.history == "all" else [c for c, _ in history]
        whole = len(listed) if request.size is None else request.size
        for candidate in listed:
            channels[0] += whole / len(listed) * tables[0, candidate] / math.sqrt(whole + 1)
        for channel, decay in enumerate(decays, start=1):
            recent = history[-hyperparameters.session_length :]
            weights = [math.exp(-age / decay) for _, age in recent]
            for (candidate, _), weight in zip(recent, weights, strict=True):
                share = weight / math.sqrt(sum(weights) + 0.5)
                if share > _NOTHING:
                    channels[channel] += share * tables[channel, candidate]

        size = min(_powers(2, whole), _LAST_SIZE)
        added = values["size_vectors"][size]
        if decays:
            ages = [age for _, age in history]
            age = min(_powers(4, min(ages)), _LAST_AGE) if ages else _LAST_AGE
            added = added + values["age_vectors"][age]
            channels *= values["channel_scales"][age][:, None]
        vector = values["constant"] + added[:width] + channels.sum(axis=0)
        if not hyperparameters.hidden_units:
            return np.asarray(vector)
        reached = channels.ravel() @ values["hidden_kernel"] + values["hidden_bias"] + added[width:]
        return np.asarray(vector + np.maximum(reached, 0) @ values["output_kernel"])


def contexts(requests: Sequence[Request], labels: Mapping[str, int] | None = None) -> QueryContext:
    """Requests as the tower takes them.

    Args:
        requests: The requests, all with the same features.
        labels: Number of labels of those features that are given as ones and zeros.
    """

    def ragged(rows: Sequence[Sequence[float]], dtype: tf.DType) -> tf.RaggedTensor:
        return tf.ragged.constant(rows, dtype, ragged_rank=1, row_splits_dtype=tf.int64)

    features = {
        name: tf.constant([request.features[name] for request in requests], tf.int64)
        for name in requests[0].features
    }
    for name, number in (labels or {}).items():
        features[name] = tf.one_hot(features[name], number)
    return QueryContext(
        query=tf.constant([request.query for request in requests], tf.int64),
        history=ragged([[c for c, _ in request.history] for request in requests], tf.int64),
        ages=ragged([[age for _, age in request.history] for request in requests], tf.float32),
        seen=ragged([list(request.seen) for request in requests], tf.int64),
        features=features,
    )


def _powers(base: int, value: float) -> int:
    """How many of the powers of a base, from the first on, are not above a value + 1."""
    power = 0
    while base ** (power + 1) <= value + 1:
        power += 1
    return power
