"""One SavedModel that answers requests and can be evaluated, whatever model scores.

Shapes: B requests, N candidates, K = min(100, N). Evaluation and serving share the transform graph,
the scorer and the exclusion of seen candidates; they differ only in where events come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES
from components.examples.hashing import candidate_hash
from components.serving import ranking
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
    EVALUATION_SIGNATURE,
    EVENT_TIMES,
    EVENTS,
    HISTORY_SIGNATURE,
    IN_TRAIN,
    INDEX_SIGNATURE,
    NORM,
    QUERY_NORM,
    RANK,
    RECOMMEND_SIGNATURE,
    REQUEST,
    REQUEST_TIME,
    RETURNING_RANK,
    SCORE,
    SERVED,
    SERVING_SIGNATURE,
    TOP,
    UNSEEN_RANK,
    USABLE,
)
from components.serving.query_events import QueryEvents
from components.serving.scorers import Scorer, table
from components.transform import preprocessing
from components.transform.graph import TransformGraph
from components.transform.reading import CandidateTable

# Odd numbers of 63 bits, to keep requests with equal sums of hashes apart.
_MULTIPLIERS = (0x1E3779B97F4A7C15, 0x2545F4914F6CDD1D, 0x3C79AC492BA7B653)


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
        self.events = table(events.candidate)
        self.event_times = table(events.time)
        # One more, for a query that is not known: it has no events.
        self.event_splits = table(np.append(events.splits, events.splits[-1:]))
        self.position_of_hash = _positions(
            candidate_hash(candidates.keys), np.arange(len(candidates), dtype=np.int64)
        )
        self.position_of_id = _positions(*candidates.positions_of_ids())

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by signature name."""
        query_id = tf.TensorSpec([None], tf.string, name=self._definition.query_id)
        events = tf.TensorSpec([None, None], tf.string, name=EVENTS)
        event_times = tf.TensorSpec([None, None], tf.int64, name=EVENT_TIMES)
        request_time = tf.TensorSpec([None], tf.int64, name=REQUEST_TIME)
        examples = tf.TensorSpec([None], tf.string, name="examples")
        features = [
            tf.TensorSpec([None], self.transform_graph.column_types[name], name=name)
            for name in self.scorer.query_features
        ]
        functions = {
            SERVING_SIGNATURE: (self.serve, [query_id]),
            RECOMMEND_SIGNATURE: (self.recommend, [query_id, request_time, *features]),
            HISTORY_SIGNATURE: (
                self.recommend_from_history,
                [events, event_times, request_time, *features],
            ),
            EVALUATION_SIGNATURE: (self.evaluate, [examples]),
            INDEX_SIGNATURE: (self.indexed_candidates, []),
        }
        return {
            name: tf.function(function, autograph=False).get_concrete_function(*inputs)
            for name, (function, inputs) in functions.items()
        }

    def serve(self, query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """What `recommend` gives now, without query features.

        Args:
            query_id: Raw query ids [B], string.
        """
        return self._recommend(query_id, tf.fill(tf.shape(query_id), _now()), {})

    def recommend(
        self, query_id: tf.Tensor, request_time: tf.Tensor, *features: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The K best candidates at a time that each query did not see in train.

        Args:
            query_id: Raw query ids [B], string; of an unknown one no event is known.
            request_time: When the request is made [B], int64, in the unit of event times; negative
                for now. Events of that very time or after it are no context, but are seen.
            features: Raw query features that the scorer reads, each [B]; an empty string, a
                negative number or NaN where missing.

        Returns:
            Title, id (string) and score (float32) [B, K], best first. Where fewer than K unseen
            candidates exist, the places left over hold empty strings and a score of -infinity.
        """
        return self._recommend(query_id, request_time, self._given(features))

    def recommend_from_history(
        self,
        events: tf.Tensor,
        event_times: tf.Tensor,
        request_time: tf.Tensor,
        *features: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The K best candidates for somebody who is not known, by events that the caller names.

        Args:
            events: Keys (titles) or ids of candidates [B, any], string, in any order; empty strings
                and what is not in the catalogue are left out.
            event_times: When each event was [B, any], int64; negative where not known: it then
                counts as long ago, and tells of taste but not of a sitting.
            request_time: As in `recommend`.
            features: As in `recommend`.

        Returns:
            What `recommend` returns; the candidates of the events are left out.
        """
        row_of = tf.where(tf.ones_like(events, tf.bool))[:, 0]
        flat = tf.reshape(events, [-1])
        column = {self._definition.candidate_key: _one_per_row(flat)}
        by_key = self.transform_graph(column)[preprocessing.CANDIDATE]
        position = tf.where(
            by_key == preprocessing.UNKNOWN, self.position_of_id.lookup(flat), by_key
        )
        now = _replace_negative(request_time, _now())
        times = tf.reshape(event_times, [-1])
        times = tf.where(times < 0, tf.gather(now, row_of) - int(LONG_AGO), times)
        order = tf.argsort(times, stable=True)
        order = tf.gather(order, tf.argsort(tf.gather(row_of, order), stable=True))
        order = tf.boolean_mask(order, tf.gather(position, order) != preprocessing.UNKNOWN)
        listed = tf.RaggedTensor.from_value_rowids(
            tf.gather(position, order),
            tf.gather(row_of, order),
            tf.shape(events, tf.int64)[0],
            validate=False,
        )
        nobody = {self._definition.query_id: _one_per_row(tf.fill([listed.nrows()], ""))}
        transformed = self.transform_graph({**nobody, **self._given(features)})
        times = listed.with_values(tf.gather(times, order))
        return self._answer(listed, times, now, transformed)

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
        """
        aliases, positions = self.position_of_id.export()
        return {
            self._definition.candidate_id: tf.identity(self.ids),
            self._definition.candidate_title: tf.identity(self.titles),
            NORM: self.scorer.candidate_norms(),
            ALIAS: aliases,
            ALIAS_POSITION: positions,
        }

    def _recommend(
        self, query_id: tf.Tensor, request_time: tf.Tensor, features: dict[str, tf.SparseTensor]
    ) -> dict[str, tf.Tensor]:
        who = {self._definition.query_id: _one_per_row(query_id)}
        transformed = self.transform_graph({**who, **features})
        row = self._row(transformed[preprocessing.QUERY])
        events, times = self._ragged(self.events, row), self._ragged(self.event_times, row)
        return self._answer(events, times, _replace_negative(request_time, _now()), transformed)

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

    def _answer(
        self,
        events: tf.RaggedTensor,
        times: tf.RaggedTensor,
        request_time: tf.Tensor,
        transformed: Mapping[str, tf.Tensor],
    ) -> dict[str, tf.Tensor]:
        """Lists for requests whose events are in order of time."""
        time_of_request = tf.gather(request_time, row_numbers(times))
        is_before = times.values < time_of_request
        ages = times.with_values(_seconds(time_of_request, times.values))
        history, ages = (
            most_recent(keep(values, is_before), self._history_length) for values in (events, ages)
        )
        # Each candidate once, as evaluation has it.
        first, group = _distinct([row_numbers(events) * self._candidates + events.values])
        seen = keep(events, tf.gather(first, group) == tf.range(tf.size(group, tf.int64)))
        context = QueryContext(
            transformed[preprocessing.QUERY], history, ages, seen, _query_features(transformed)
        )
        scores = self.scorer.scores(self.scorer.prepare(context), 0, self._candidates)
        scores = ranking.exclude(scores, events)
        best, position = tf.math.top_k(scores, min(SERVED, self._candidates))
        exists = best > ranking.EXCLUDED_SCORE
        return {
            self._definition.candidate_title: tf.where(
                exists, tf.gather(self.titles, position), ""
            ),
            self._definition.candidate_id: tf.where(exists, tf.gather(self.ids, position), ""),
            SCORE: best,
        }

    def _given(self, features: Sequence[tf.Tensor]) -> dict[str, tf.SparseTensor]:
        """Columns of the raw query features that a caller gives, without those that are missing."""
        columns = {}
        for name, values in zip(self.scorer.query_features, features, strict=True):
            exists = values != "" if values.dtype == tf.string else values >= 0
            columns[name] = tf.sparse.retain(_one_per_row(values), exists)
        return columns

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


def save(
    scorer: Scorer,
    candidates: CandidateTable,
    events: QueryEvents,
    history_length: int,
    transform_graph_uri: str,
    definition: DatasetDefinition,
    folder: str,
) -> None:
    """Writes the SavedModel to `folder`; the arguments are those of `RetrievalServing`."""
    transform_graph = TransformGraph(transform_graph_uri)
    module = RetrievalServing(
        scorer, candidates, events, history_length, transform_graph, definition
    )
    tf.saved_model.save(module, folder, signatures=module.signatures())


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


def _replace_negative(times: tf.Tensor, replacement: tf.Tensor) -> tf.Tensor:
    return tf.where(times < 0, replacement, times)


def _seconds(later: tf.Tensor, earlier: tf.Tensor) -> tf.Tensor:
    return tf.cast(later - earlier, tf.float32)


def _one_per_row(values: tf.Tensor) -> tf.SparseTensor:
    rows = tf.shape(values, tf.int64)[0]
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, values, tf.stack([rows, tf.constant(1, tf.int64)]))
