"""One SavedModel that answers requests and can be evaluated, whatever model scores.

Shapes: B requests, N candidates, K = min(100, N). Evaluation and serving share the transform graph,
the scorer and the exclusion of seen candidates; they differ only in where events come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES
from components.examples.hashing import candidate_hash
from components.serving import lists, ranking
from components.serving.context import (
    LONG_AGO,
    QueryContext,
    keep,
    most_recent,
    of_returning_visitors,
    row_numbers,
)
from components.serving.interface import (
    ALIAS,
    ALIAS_POSITION,
    COUNT,
    DEFAULTS,
    EMBEDDING,
    EMBEDDING_SIGNATURE,
    EVALUATION_SIGNATURE,
    EVENT_TIMES,
    EVENTS,
    EXCLUDE,
    EXCLUDE_SEEN,
    EXPLAIN_SIGNATURE,
    HISTORY_OF_QUERY_SIGNATURE,
    HISTORY_SIGNATURE,
    IN_TRAIN,
    INDEX_SIGNATURE,
    ITEM,
    ITEMS,
    LABELS,
    NORM,
    QUERY_NORM,
    RANK,
    RECOMMEND_SIGNATURE,
    REQUEST,
    REQUEST_TIME,
    RETURNING_RANK,
    SCORE,
    SERVING_SIGNATURE,
    SIMILAR_SIGNATURE,
    TOP,
    UNKNOWN_TIME,
    UNSEEN_RANK,
    USABLE,
    K,
)
from components.serving.query_events import QueryEvents
from components.serving.scorers import Scorer, VectorScorer, table
from components.transform import preprocessing
from components.transform.graph import TransformGraph
from components.transform.reading import CandidateTable

# Odd numbers of 63 bits, to keep requests with equal sums of hashes apart.
_MULTIPLIERS = (0x1E3779B97F4A7C15, 0x2545F4914F6CDD1D, 0x3C79AC492BA7B653)
_OPTIONAL = {
    REQUEST_TIME: tf.int64,
    EVENT_TIMES: tf.int64,
    K: tf.int32,
    EXCLUDE: tf.string,
    EXCLUDE_SEEN: tf.bool,
}


class RetrievalServing(tf.Module):
    """The exported module.

    Args:
        scorer: Scores the candidates of `candidates`.
        candidates: The catalogue, in the order of the candidate vocabulary.
        events: What is known of each query.
        history_length: Events that a request reads at most.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        scorer: Scorer,
        candidates: CandidateTable,
        events: QueryEvents,
        history_length: int,
        transform_graph: TransformGraph,
        definition: DatasetDefinition,
    ) -> None:
        super().__init__(name="retrieval_serving")
        self._definition = definition
        self._candidates = len(candidates)
        self._queries = events.queries
        self._history_length = history_length
        self.transform_graph = transform_graph
        self.scorer = scorer
        self.ids = table(candidates.ids)
        self.titles = table(candidates.titles)
        self.labels = table(_labels(candidates, definition))
        self.events = table(events.candidate)
        self.event_times = table(events.time)
        # One more, for a query that is not known: it has no events.
        self.event_splits = table(np.append(events.splits, events.splits[-1:]))
        self.position_of_hash = _positions(
            candidate_hash(candidates.keys), np.arange(len(candidates), dtype=np.int64)
        )
        self.position_of_id = _positions(*candidates.positions_of_ids())

    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """The functions to save, by signature name."""
        definition = self._definition
        query_id = tf.TensorSpec([None], tf.string, name=definition.query_id)
        events = tf.TensorSpec([None, None], tf.string, name=EVENTS)
        item = tf.TensorSpec([None], tf.string, name=ITEM)
        examples = tf.TensorSpec([None], tf.string, name="examples")
        features = {
            name: _missing_value(self.transform_graph.column_types[name])
            for name in self.scorer.query_features
        }
        when = {REQUEST_TIME: _default(REQUEST_TIME), **features}
        how = {K: _default(K)}
        which = {EXCLUDE: _default(EXCLUDE), EXCLUDE_SEEN: _default(EXCLUDE_SEEN), **how, **when}
        signatures = {
            SERVING_SIGNATURE: _signature(self.serve, [query_id]),
            RECOMMEND_SIGNATURE: _signature(self.recommend, [query_id], which),
            HISTORY_SIGNATURE: _signature(
                self.recommend_from_history,
                [events],
                {EVENT_TIMES: _default(EVENT_TIMES), **which},
            ),
            HISTORY_OF_QUERY_SIGNATURE: _signature(self.query_history, [query_id]),
            EVALUATION_SIGNATURE: _signature(self.evaluate, [examples]),
            INDEX_SIGNATURE: _signature(self.indexed_candidates, []),
        }
        if isinstance(self.scorer, VectorScorer):
            signatures[EMBEDDING_SIGNATURE] = _signature(self.query_embedding, [query_id], when)
            signatures[SIMILAR_SIGNATURE] = _signature(self.similar_items, [item], how)
            items = tf.TensorSpec([None, None], tf.string, name=ITEMS)
            signatures[EXPLAIN_SIGNATURE] = _signature(self.explain, [events, items])
        return signatures

    def serve(self, query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """What `recommend` gives if nothing else is told.

        Args:
            query_id: Raw query ids [B], string.
        """
        context, events = self._asked(query_id, _default(REQUEST_TIME), {})
        # Not by `recommend`, to spare the call the lookup of what is to be excluded.
        return self._answer(context, events, _default(K))

    def recommend(
        self,
        query_id: tf.Tensor,
        exclude: tf.Tensor,
        exclude_seen: tf.Tensor,
        k: tf.Tensor,
        request_time: tf.Tensor,
        **features: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The best candidates for each query. What is given as [1] holds for all of them.

        Args:
            query_id: Raw query ids [B], string; of an unknown one no event is known.
            exclude: Keys (titles) or ids of candidates to leave out [B, any], string; empty strings
                and what is not in the catalogue leave nothing out.
            exclude_seen: Whether to leave out what the query saw in train [B], bool.
            k: How many candidates [B], int32, from 1 to N; `USUAL_K` for `SERVED`.
            request_time: When the request is made [B], int64, in the unit of event times; negative
                for now. Events of that very time or after it are no context, but are seen.
            features: Raw query features that the scorer reads, each [B]; an empty string, a
                negative number or NaN where missing.

        Returns:
            Title, id (string) and score (float32) [B, K], best first, where K is the highest count;
            `count` [B], int32: how many there are. Where it is below K, the places left over hold
            empty strings and the lowest finite score.

        Raises:
            InvalidArgumentError: When run: a k is out of range.
        """
        context, events = self._asked(query_id, request_time, features)
        return self._answer(context, self._excluded(events, exclude, exclude_seen), k)

    def recommend_from_history(
        self,
        events: tf.Tensor,
        event_times: tf.Tensor,
        exclude: tf.Tensor,
        exclude_seen: tf.Tensor,
        k: tf.Tensor,
        request_time: tf.Tensor,
        **features: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The best candidates for somebody who is not known, by events that the caller names.

        Args:
            events: Keys (titles) or ids of candidates [B, any], string, in any order; empty strings
                and what is not in the catalogue are left out.
            event_times: When each event was [B, any], int64; negative where not known: it then
                counts as long ago, and tells of taste but not of a sitting.
            exclude: As in `recommend`.
            exclude_seen: Whether to leave out the candidates of the events [B], bool.
            k: As in `recommend`.
            request_time: As in `recommend`.
            features: As in `recommend`.

        Returns:
            What `recommend` returns.

        Raises:
            InvalidArgumentError: When run: a k is out of range.
        """
        requests = tf.shape(events, tf.int64)[0]
        now = _times(request_time, requests)
        row_of = tf.where(tf.ones_like(events, tf.bool))[:, 0]
        times = tf.reshape(tf.broadcast_to(event_times, tf.shape(events)), [-1])
        times = tf.where(times < 0, tf.gather(now, row_of) - int(LONG_AGO), times)
        position = self._position(tf.reshape(events, [-1]))
        order = tf.argsort(times, stable=True)
        order = tf.gather(order, tf.argsort(tf.gather(row_of, order), stable=True))
        order = tf.boolean_mask(order, tf.gather(position, order) != preprocessing.UNKNOWN)
        listed = tf.RaggedTensor.from_value_rowids(
            tf.gather(position, order), tf.gather(row_of, order), requests, validate=False
        )
        times = listed.with_values(tf.gather(times, order))
        transformed = self._transformed(tf.fill([requests], ""), features)
        context = self._context(listed, times, now, transformed)
        return self._answer(context, self._excluded(listed, exclude, exclude_seen), k)

    def query_embedding(
        self, query_id: tf.Tensor, request_time: tf.Tensor, **features: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Vectors whose dot product with those of the candidates is the score.

        Args:
            query_id: As in `recommend`.
            request_time: As in `recommend`.
            features: As in `recommend`.

        Returns:
            `embedding` [B, W], float32.
        """
        context, _ = self._asked(query_id, request_time, features)
        return {EMBEDDING: self.scorer.prepare(context)}

    def similar_items(self, item: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """The candidates whose vectors are nearest to a candidate's, by cosine.

        Args:
            item: Key (title) or id of a candidate each [B], string.
            k: As in `recommend`.

        Returns:
            What `recommend` returns; the candidate itself is left out. For an item that is not in
            the catalogue the count is 0.

        Raises:
            InvalidArgumentError: When run: a k is out of range.
        """
        position = self._position(item)
        is_known = position != preprocessing.UNKNOWN
        itself = tf.RaggedTensor.from_row_lengths(position, tf.ones_like(position))
        k = lists.wanted_k(k, tf.size(item, tf.int64), self._candidates)
        found = lists.best(self.scorer.similarities(tf.maximum(position, 0)), k, itself)
        return self._named(found._replace(count=tf.where(is_known, found.count, 0)))

    def explain(self, events: tf.Tensor, items: tf.Tensor) -> dict[str, tf.Tensor]:
        """The event that each candidate is nearest to, by cosine.

        Args:
            events: Keys (titles) or ids of candidates [B, any], string: what somebody saw.
            items: Keys or ids of candidates [B, M], string: what is to be explained.

        Returns:
            Title and id of an event (string) and its cosine (float32), each [B, M]; empty strings
            and 0 where there is no event, or the candidate is not in the catalogue.
        """
        seen, asked = (
            tf.reshape(self._position(tf.reshape(names, [-1])), tf.shape(names))
            for names in (events, items)
        )
        # One event that is nothing, so that there is always one to be nearest to.
        seen = tf.pad(seen, [[0, 0], [0, 1]], constant_values=preprocessing.UNKNOWN)
        seen_directions, directions = (
            self.scorer.directions(tf.maximum(position, 0)) for position in (seen, asked)
        )
        cosines = tf.matmul(directions, seen_directions, transpose_b=True)
        is_event = (seen != preprocessing.UNKNOWN)[:, None, :]
        cosines = tf.where(is_event, cosines, ranking.EXCLUDED_SCORE)
        nearest = tf.argmax(cosines, axis=2)
        position = tf.gather(seen, nearest, batch_dims=1)
        is_told = (position != preprocessing.UNKNOWN) & (asked != preprocessing.UNKNOWN)
        return {
            **self._names(tf.maximum(position, 0), is_told),
            SCORE: tf.where(is_told, tf.reduce_max(cosines, axis=2), 0.0),
        }

    def query_history(self, query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """What is known of queries: their train events.

        Args:
            query_id: As in `recommend`.

        Returns:
            Title and id (string) and `event_times` (int64) [B, any], oldest first; `count` [B],
            int32: how many there are, beyond which are empty strings and times of -1.
        """
        events, times = self._known_events(self._transformed(query_id, {}))
        titles, ids = (
            events.with_values(tf.gather(texts, events.values)) for texts in (self.titles, self.ids)
        )
        return {
            self._definition.candidate_title: titles.to_tensor(""),
            self._definition.candidate_id: ids.to_tensor(""),
            EVENT_TIMES: times.to_tensor(UNKNOWN_TIME),
            COUNT: tf.cast(events.row_lengths(), tf.int32),
        }

    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranks of the true candidates.

        Args:
            examples: Serialized tf.Examples [B], string, with the query id, the candidate key, the
                event time, the query features that the scorer reads, the history with its times
                and the seen candidates.

        Returns:
            `rank`, `unseen_rank`, `usable` and `top`, see `ranking.Ranks`; `returning_rank` [B],
            int64: the rank among the unseen if the same query came long after its last known event;
            `request` [B], int64: rows with the same number are one request; `in_train` [B], bool:
            this very pair was in the train split of the model; `query_norm` [B], float32.
        """
        definition = self._definition
        integers = tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)
        raw = [definition.candidate_key, *self.scorer.query_features]
        columns = tf.io.parse_example(
            examples,
            {
                **{
                    name: tf.io.VarLenFeature(self.transform_graph.column_types[name])
                    for name in raw
                },
                definition.query_id: tf.io.FixedLenFeature([], tf.string),
                definition.event_time: tf.io.FixedLenFeature([], tf.int64),
                **dict.fromkeys((HISTORY, HISTORY_TIMES, SEEN_CANDIDATES), integers),
            },
        )
        query_id, time = columns.pop(definition.query_id), columns.pop(definition.event_time)
        hashes, times, seen = (columns.pop(n) for n in (HISTORY, HISTORY_TIMES, SEEN_CANDIDATES))
        features = self.transform_graph({definition.query_id: _one_per_row(query_id), **columns})
        candidate = features[preprocessing.CANDIDATE]
        context = QueryContext(
            features[preprocessing.QUERY],
            hashes,
            times.with_values(_seconds(tf.gather(time, row_numbers(times)), times.values)),
            seen,
            _query_features(features),
        )
        # By the raw id: queries that are not in the vocabulary have histories and features too.
        by_events = [tf.strings.to_hash_bucket_fast(query_id, tf.int64.max), _sums(seen)]
        by_time = [time] if self.scorer.reads_history else []
        first, distinct = _distinct([*by_events, *by_time])
        ranks, norms = self._rank(_take(context, first), distinct, candidate)
        returning_rank = ranks.unseen_rank
        if self.scorer.reads_history:
            first, group = _distinct(by_events)
            returning = of_returning_visitors(_take(context, first))
            returning_rank = self._rank(returning, group, candidate)[0].unseen_rank
        known = self._ragged(self.events, self._row(context.query))
        row = row_numbers(known)
        is_pair = known.values == tf.gather(candidate, row)
        return {
            RANK: ranks.rank,
            UNSEEN_RANK: ranks.unseen_rank,
            RETURNING_RANK: returning_rank,
            REQUEST: distinct,
            USABLE: ranks.usable,
            TOP: ranks.top,
            IN_TRAIN: tf.math.unsorted_segment_max(tf.cast(is_pair, tf.int32), row, known.nrows())
            > 0,
            QUERY_NORM: tf.gather(norms, distinct),
        }

    def indexed_candidates(self) -> dict[str, tf.Tensor]:
        """Every candidate that can be served.

        Returns:
            Id and title (string) and norm (float32), each [N]. `alias` [any], string: every raw id
            that an event may have; `alias_position` [any], int64: which of the candidates it names.
            `labels` [N], string: names of its labels, such as genres, with commas between them.
        """
        aliases, positions = self.position_of_id.export()
        return {
            self._definition.candidate_id: tf.identity(self.ids),
            self._definition.candidate_title: tf.identity(self.titles),
            NORM: self.scorer.candidate_norms(),
            ALIAS: aliases,
            ALIAS_POSITION: positions,
            LABELS: tf.identity(self.labels),
        }

    def _rank(
        self, context: QueryContext, distinct: tf.Tensor, candidate: tf.Tensor
    ) -> tuple[ranking.Ranks, tf.Tensor]:
        """Ranks of candidates [B] for D requests that list hashes, and the requests' norms [D]."""
        history, ages = self._located(context.history, context.ages)
        seen, _ = self._located(context.seen, context.seen)
        prepared = self.scorer.prepare(context._replace(history=history, ages=ages, seen=seen))
        ranks = ranking.rank_candidates(
            lambda start, stop: self.scorer.scores(prepared, start, stop),
            self._candidates,
            distinct,
            candidate,
            seen,
        )
        return ranks, self.scorer.query_norms(prepared)

    def _located(
        self, hashes: tf.RaggedTensor, others: tf.RaggedTensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Positions of the candidates that lists name by hash, and what stands beside them."""
        positions = tf.ragged.map_flat_values(self.position_of_hash.lookup, hashes)
        # The data may be of another time than the model, with candidates it does not have.
        known = positions.values != preprocessing.UNKNOWN
        return keep(positions, known), keep(others, known)

    def _transformed(
        self, query_id: tf.Tensor, features: Mapping[str, tf.Tensor]
    ) -> Mapping[str, tf.Tensor]:
        """Transformed features of queries; of those that a caller does not give, none."""
        columns = {self._definition.query_id: _one_per_row(query_id)}
        for name, values in features.items():
            values = lists.for_each(values, tf.shape(query_id, tf.int64)[0])
            exists = values != "" if values.dtype == tf.string else values >= 0
            columns[name] = tf.sparse.retain(_one_per_row(values), exists)
        return self.transform_graph(columns)

    def _asked(
        self, query_id: tf.Tensor, request_time: tf.Tensor, features: Mapping[str, tf.Tensor]
    ) -> tuple[QueryContext, tf.RaggedTensor]:
        """What is known of queries that ask, and the candidates of all their events [B, any]."""
        transformed = self._transformed(query_id, features)
        events, times = self._known_events(transformed)
        now = _times(request_time, tf.shape(query_id, tf.int64)[0])
        return self._context(events, times, now, transformed), events

    def _known_events(
        self, transformed: Mapping[str, tf.Tensor]
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Candidates and times of the train events of queries [B, any], in order of time."""
        row = self._row(transformed[preprocessing.QUERY])
        return self._ragged(self.events, row), self._ragged(self.event_times, row)

    def _position(self, names: tf.Tensor) -> tf.Tensor:
        """Position of the candidate of each key or id [n], int64; `UNKNOWN` if there is none."""
        column = {self._definition.candidate_key: _one_per_row(names)}
        by_key = self.transform_graph(column)[preprocessing.CANDIDATE]
        by_id = self.position_of_id.lookup(names)
        return tf.where(by_key == preprocessing.UNKNOWN, by_id, by_key)

    def _excluded(
        self, seen: tf.RaggedTensor, exclude: tf.Tensor, exclude_seen: tf.Tensor
    ) -> tf.RaggedTensor:
        """Positions to leave out [B, any], int64: of what is seen, if so, and what is named."""
        requests = seen.nrows()
        leaves_out = tf.gather(lists.for_each(exclude_seen, requests), row_numbers(seen))
        named = self._position(tf.reshape(exclude, [-1]))
        named = lists.for_each(tf.reshape(named, tf.shape(exclude)), requests)
        return tf.concat([keep(seen, leaves_out), tf.RaggedTensor.from_tensor(named)], axis=1)

    def _context(
        self,
        events: tf.RaggedTensor,
        times: tf.RaggedTensor,
        request_time: tf.Tensor,
        transformed: Mapping[str, tf.Tensor],
    ) -> QueryContext:
        """What is known of requests whose events are in order of time."""
        time_of_request = tf.gather(request_time, row_numbers(times))
        is_before = times.values < time_of_request
        ages = times.with_values(_seconds(time_of_request, times.values))
        history, ages = (
            most_recent(keep(values, is_before), self._history_length) for values in (events, ages)
        )
        # Each candidate once, as evaluation has it.
        first, group = _distinct([row_numbers(events) * self._candidates + events.values])
        seen = keep(events, tf.gather(first, group) == tf.range(tf.size(group, tf.int64)))
        return QueryContext(
            transformed[preprocessing.QUERY], history, ages, seen, _query_features(transformed)
        )

    def _answer(
        self, context: QueryContext, excluded: tf.RaggedTensor, k: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Lists of the `k` best for requests, without what is excluded."""
        k = lists.wanted_k(k, tf.shape(context.query, tf.int64)[0], self._candidates)
        scores = self.scorer.scores(self.scorer.prepare(context), 0, self._candidates)
        return self._named(lists.best(scores, k, excluded))

    def _named(self, found: lists.Lists) -> dict[str, tf.Tensor]:
        """Lists as callers read them."""
        names = self._names(found.position, found.is_filled)
        return {**names, SCORE: found.score, COUNT: found.count}

    def _names(self, position: tf.Tensor, is_told: tf.Tensor) -> dict[str, tf.Tensor]:
        """Title and id of each position, of the same shape; empty where they are not told."""
        return {
            name: tf.where(is_told, tf.gather(texts, position), "")
            for name, texts in (
                (self._definition.candidate_title, self.titles),
                (self._definition.candidate_id, self.ids),
            )
        }

    def _row(self, query: tf.Tensor) -> tf.Tensor:
        """Row of each query in the tables of events."""
        return tf.where(query == preprocessing.UNKNOWN, tf.constant(self._queries, tf.int64), query)

    def _ragged(self, values: tf.Variable, row: tf.Tensor) -> tf.RaggedTensor:
        # A variable that is gathered from is copied whenever it is read as a whole elsewhere.
        splits = tf.convert_to_tensor(self.event_splits)
        whole = tf.RaggedTensor.from_row_splits(
            tf.convert_to_tensor(values), splits, validate=False
        )
        return tf.gather(whole, row)


def _labels(candidates: CandidateTable, definition: DatasetDefinition) -> np.ndarray:
    """Names of the labels of each candidate [N], bytes, with commas between them."""
    names: list[list[str]] = [[] for _ in range(len(candidates))]
    for name, feature in definition.candidate_features.items():
        if not feature.labels:
            continue
        rows, labels = np.nonzero(candidates.features[f"{preprocessing.CANDIDATE}_{name}"])
        for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
            names[row].append(feature.labels[label])
    return np.array([", ".join(of_one).encode() for of_one in names], dtype=object)


def save(
    scorer: Scorer,
    candidates: CandidateTable,
    events: QueryEvents,
    history_length: int,
    transform_graph_uri: str,
    definition: DatasetDefinition,
    folder: str,
) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Writes the SavedModel to `folder`; the arguments are those of `RetrievalServing`.

    Returns:
        The functions that were saved, by signature name.
    """
    transform_graph = TransformGraph(transform_graph_uri)
    module = RetrievalServing(
        scorer, candidates, events, history_length, transform_graph, definition
    )
    signatures = module.signatures()
    tf.saved_model.save(module, folder, signatures=signatures)
    return signatures


def _distinct(keys: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Groups rows with the same keys.

    Args:
        keys: Integers [B], int64, each.

    Returns:
        The first row of each group [D], int64, and the group of each row [B], int64.
    """
    mixed = tf.add_n([key * factor for key, factor in zip(keys, _MULTIPLIERS, strict=False)])
    _, group = tf.unique(mixed, out_idx=tf.int64)
    groups = tf.reduce_max(tf.concat([[-1], group], axis=0)) + 1
    rows = tf.range(tf.shape(mixed, tf.int64)[0])
    return tf.math.unsorted_segment_min(rows, group, groups), group


def _sums(hashes: tf.RaggedTensor) -> tf.Tensor:
    """The sum of each list of 64-bit hashes, which stands for the list [B], int64."""
    sums = tf.concat([[0], tf.cumsum(hashes.values)], axis=0)
    return tf.gather(sums, hashes.row_limits()) - tf.gather(sums, hashes.row_starts())


def _take(context: QueryContext, rows: tf.Tensor) -> QueryContext:
    """Some of the requests."""
    parts = tf.nest.map_structure(lambda part: tf.gather(part, rows), context)
    return QueryContext(*parts)


def _query_features(transformed: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    prefix = f"{preprocessing.QUERY}_"
    return {name: value for name, value in transformed.items() if name.startswith(prefix)}


def _positions(keys: np.ndarray, positions: np.ndarray) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(keys), positions),
        default_value=preprocessing.UNKNOWN,
    )


def _now() -> tf.Tensor:
    return tf.cast(tf.timestamp(), tf.int64)


def _times(request_time: tf.Tensor, requests: tf.Tensor) -> tf.Tensor:
    """When requests are made [B], int64."""
    return lists.for_each(tf.where(request_time < 0, _now(), request_time), requests)


def _signature(
    function: Callable[..., dict[str, tf.Tensor]],
    inputs: list[tf.TensorSpec],
    optional: dict[str, tf.Tensor] | None = None,
) -> tf.types.experimental.PolymorphicFunction:
    """A function to save, whose optional inputs stand with their defaults in the signature."""
    if optional is None:
        return tf.function(function, input_signature=inputs, autograph=False)
    specifications = {
        name: tf.TensorSpec([None] * value.shape.rank, value.dtype, name=name)
        for name, value in optional.items()
    }

    # A dict, because a signature has the defaults of positional arguments alone.
    def with_defaults(given: tf.Tensor, others: dict[str, tf.Tensor] = optional) -> Any:
        return function(given, **others)

    return tf.function(with_defaults, input_signature=[*inputs, specifications], autograph=False)


def _default(name: str) -> tf.Tensor:
    return tf.constant(DEFAULTS[name], _OPTIONAL[name])


def _missing_value(dtype: tf.DType) -> tf.Tensor:
    """How a caller tells that a query feature is missing, for all requests."""
    return tf.constant([""] if dtype == tf.string else [-1], dtype)


def _seconds(later: tf.Tensor, earlier: tf.Tensor) -> tf.Tensor:
    return tf.cast(later - earlier, tf.float32)


def _one_per_row(values: tf.Tensor) -> tf.SparseTensor:
    rows = tf.shape(values, tf.int64)[0]
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, values, tf.stack([rows, tf.constant(1, tf.int64)]))
