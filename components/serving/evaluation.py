"""The graph that ranks the true candidates of Examples. Shapes: B rows, D distinct requests."""

from __future__ import annotations

import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples.columns import HISTORY, HISTORY_TIMES, SEEN_CANDIDATES
from components.serving import ranking
from components.serving.catalogue import Catalogue
from components.serving.context import (
    QueryContext,
    of_returning_visitors,
    query_features,
    row_numbers,
)
from components.serving.interface import (
    IN_TRAIN,
    QUERY_NORM,
    RANK,
    REQUEST,
    RETURNING_RANK,
    TOP,
    UNSEEN_RANK,
    USABLE,
)
from components.serving.known_events import KnownEvents
from components.serving.scorers import Scorer
from components.serving.tensors import distinct, one_per_row, seconds
from components.transform import preprocessing
from components.transform.graph import TransformGraph


class EvaluationGraph:
    """Ranks among all candidates, exactly, whatever the index.

    Args:
        scorer: The scorer.
        catalogue: The catalogue.
        known_events: What is known of each query.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        scorer: Scorer,
        catalogue: Catalogue,
        known_events: KnownEvents,
        transform_graph: TransformGraph,
        definition: DatasetDefinition,
    ) -> None:
        self._scorer = scorer
        self._catalogue = catalogue
        self._known_events = known_events
        self._transform_graph = transform_graph
        self._definition = definition

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
        columns = self._parse(examples)
        query_id, time = columns.pop(definition.query_id), columns.pop(definition.event_time)
        hashes, times, seen = (columns.pop(n) for n in (HISTORY, HISTORY_TIMES, SEEN_CANDIDATES))
        features = self._transform_graph({definition.query_id: one_per_row(query_id), **columns})
        candidate = features[preprocessing.CANDIDATE]
        context = QueryContext(
            features[preprocessing.QUERY],
            hashes,
            times.with_values(seconds(tf.gather(time, row_numbers(times)), times.values)),
            seen,
            query_features(features),
        )
        # By the raw id: queries that are not in the vocabulary have histories and features too.
        by_events = [tf.strings.to_hash_bucket_fast(query_id, tf.int64.max), _sums(seen)]
        by_time = [time] if self._scorer.reads_history else []
        first, request = distinct([*by_events, *by_time])
        ranks, norms = self._rank(_take(context, first), request, candidate)
        returning_rank = ranks.unseen_rank
        if self._scorer.reads_history:
            first, group = distinct(by_events)
            returning = of_returning_visitors(_take(context, first))
            returning_rank = self._rank(returning, group, candidate)[0].unseen_rank
        return {
            RANK: ranks.rank,
            UNSEEN_RANK: ranks.unseen_rank,
            RETURNING_RANK: returning_rank,
            REQUEST: request,
            USABLE: ranks.usable,
            TOP: ranks.top,
            IN_TRAIN: self._in_train(context.query, candidate),
            QUERY_NORM: tf.gather(norms, request),
        }

    def _parse(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        definition = self._definition
        integers = tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)
        raw = [definition.candidate_key, *self._scorer.query_features]
        columns: dict[str, tf.Tensor] = tf.io.parse_example(
            examples,
            {
                **{
                    name: tf.io.VarLenFeature(self._transform_graph.column_types[name])
                    for name in raw
                },
                definition.query_id: tf.io.FixedLenFeature([], tf.string),
                definition.event_time: tf.io.FixedLenFeature([], tf.int64),
                **dict.fromkeys((HISTORY, HISTORY_TIMES, SEEN_CANDIDATES), integers),
            },
        )
        return columns

    def _rank(
        self, context: QueryContext, request: tf.Tensor, candidate: tf.Tensor
    ) -> tuple[ranking.Ranks, tf.Tensor]:
        """Ranks of candidates [B] for D requests that list hashes, and the requests' norms [D]."""
        history, ages = self._catalogue.located(context.history, context.ages)
        seen, _ = self._catalogue.located(context.seen, context.seen)
        prepared = self._scorer.prepare(context._replace(history=history, ages=ages, seen=seen))
        ranks = ranking.rank_candidates(
            lambda start, stop: self._scorer.scores(prepared, start, stop),
            len(self._catalogue),
            request,
            candidate,
            seen,
        )
        return ranks, self._scorer.query_norms(prepared)

    def _in_train(self, query: tf.Tensor, candidate: tf.Tensor) -> tf.Tensor:
        """Whether the model knows an event of each pair [B], bool."""
        known, _ = self._known_events.of(query)
        row = row_numbers(known)
        is_pair = tf.cast(known.values == tf.gather(candidate, row), tf.int32)
        return tf.math.unsorted_segment_max(is_pair, row, known.nrows()) > 0


def _sums(hashes: tf.RaggedTensor) -> tf.Tensor:
    """The sum of each list of 64-bit hashes, which stands for the list [B], int64."""
    sums = tf.concat([[0], tf.cumsum(hashes.values)], axis=0)
    return tf.gather(sums, hashes.row_limits()) - tf.gather(sums, hashes.row_starts())


def _take(context: QueryContext, rows: tf.Tensor) -> QueryContext:
    """Some of the requests."""
    parts = tf.nest.map_structure(lambda part: tf.gather(part, rows), context)
    return QueryContext(*parts)
