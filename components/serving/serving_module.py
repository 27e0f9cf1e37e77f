"""The module that is exported: one SavedModel that answers requests and can be evaluated.

Shapes: B requests, N candidates, K = min(100, N). Evaluation and serving share the transform graph,
the scorer and the catalogue; they differ in where events come from, and lists may come from an
approximate index.
"""

from __future__ import annotations

import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.serving import lists, ranking
from components.serving.catalogue import Catalogue
from components.serving.context import QueryContext
from components.serving.evaluation import EvaluationGraph
from components.serving.indexes.index import Index
from components.serving.interface import (
    COUNT,
    EMBEDDING,
    EMBEDDING_SIGNATURE,
    EVALUATION_SIGNATURE,
    EVENT_TIMES,
    EVENTS,
    EXACT,
    EXCLUDE,
    EXCLUDE_SEEN,
    EXPLAIN_SIGNATURE,
    HISTORY_OF_QUERY_SIGNATURE,
    HISTORY_SIGNATURE,
    INDEX_SIGNATURE,
    ITEM,
    ITEMS,
    NORM,
    RECOMMEND_SIGNATURE,
    REQUEST_TIME,
    SCORE,
    SERVING_SIGNATURE,
    SIMILAR_SIGNATURE,
    UNKNOWN_TIME,
    K,
)
from components.serving.known_events import KnownEvents
from components.serving.known_features import KnownFeatures
from components.serving.query_events import QueryEvents
from components.serving.requests import Requests
from components.serving.scorers import VectorScorer
from components.serving.signatures import default, missing_value, signature
from components.transform import preprocessing
from components.transform.graph import TransformGraph
from components.transform.reading import CandidateTable


class RetrievalServing(tf.Module):
    """The exported module.

    Args:
        index: Finds the best of the candidates, by its scorer.
        candidates: The catalogue, in the order of the candidate vocabulary.
        events: What is known of each query.
        history_length: Events that a request reads at most.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        index: Index,
        candidates: CandidateTable,
        events: QueryEvents,
        history_length: int,
        transform_graph: TransformGraph,
        definition: DatasetDefinition,
    ) -> None:
        super().__init__(name="retrieval_serving")
        self._definition = definition
        self.transform_graph = transform_graph
        self.index = index
        self.scorer = index.scorer
        self.catalogue = Catalogue(candidates, transform_graph, definition)
        self.known_events = KnownEvents(events)
        read = {f"{preprocessing.QUERY}_{name}" for name in self.scorer.query_features}
        self.known_features = KnownFeatures(
            {name: values for name, values in events.features.items() if name in read}
        )
        self._requests = Requests(
            self.catalogue,
            self.known_events,
            self.known_features,
            history_length,
            transform_graph,
            definition,
        )
        self._evaluation = EvaluationGraph(
            self.scorer, self.catalogue, self.known_events, transform_graph, definition
        )

    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """The functions to save, by signature name."""
        definition = self._definition
        query_id = tf.TensorSpec([None], tf.string, name=definition.query_id)
        events = tf.TensorSpec([None, None], tf.string, name=EVENTS)
        item = tf.TensorSpec([None], tf.string, name=ITEM)
        examples = tf.TensorSpec([None], tf.string, name="examples")
        features = {
            name: missing_value(self.transform_graph.column_types[name])
            for name in self.scorer.query_features
        }
        when = {REQUEST_TIME: default(REQUEST_TIME), **features}
        how = {K: default(K)}
        which = {name: default(name) for name in (EXCLUDE, EXCLUDE_SEEN, EXACT)} | how | when
        signatures = {
            SERVING_SIGNATURE: signature(self.serve, [query_id]),
            RECOMMEND_SIGNATURE: signature(self.recommend, [query_id], which),
            HISTORY_SIGNATURE: signature(
                self.recommend_from_history,
                [events],
                {EVENT_TIMES: default(EVENT_TIMES), **which},
            ),
            HISTORY_OF_QUERY_SIGNATURE: signature(self.query_history, [query_id]),
            EVALUATION_SIGNATURE: signature(self.evaluate, [examples]),
            INDEX_SIGNATURE: signature(self.indexed_candidates, []),
        }
        if isinstance(self.scorer, VectorScorer):
            signatures[EMBEDDING_SIGNATURE] = signature(self.query_embedding, [query_id], when)
            signatures[SIMILAR_SIGNATURE] = signature(self.similar_items, [item], how)
            items = tf.TensorSpec([None, None], tf.string, name=ITEMS)
            signatures[EXPLAIN_SIGNATURE] = signature(self.explain, [events, items])
        return signatures

    def serve(self, query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """What `recommend` gives if nothing else is told.

        Args:
            query_id: Raw query ids [B], string.
        """
        context, events = self._requests.by_query(query_id, default(REQUEST_TIME), {})
        # Not by `recommend`, to spare the call the lookup of what is to be excluded.
        return self._answer(context, events, default(K), default(EXACT))

    def recommend(
        self,
        query_id: tf.Tensor,
        exclude: tf.Tensor,
        exclude_seen: tf.Tensor,
        exact: tf.Tensor,
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
            exact: Whether to rank all candidates, where an approximate index would look at some
                [B], bool.
            k: How many candidates [B], int32, from 1 to N; `USUAL_K` for `SERVED`.
            request_time: When the request is made [B], int64, in the unit of event times; negative
                for now. Events of that very time or after it are no context, but are seen.
            features: Raw query features that the scorer reads, each [B]. Where one is missing (an
                empty string, a negative number or NaN), what the train split says of the query
                holds.

        Returns:
            Title, id (string) and score (float32) [B, K], best first, where K is the highest count;
            `count` [B], int32: how many there are. Where it is below K, the places left over hold
            empty strings and the lowest finite score.

        Raises:
            InvalidArgumentError: When run: a k is out of range.
        """
        context, events = self._requests.by_query(query_id, request_time, features)
        excluded = self._requests.excluded(events, exclude, exclude_seen)
        return self._answer(context, excluded, k, exact)

    def recommend_from_history(
        self,
        events: tf.Tensor,
        event_times: tf.Tensor,
        exclude: tf.Tensor,
        exclude_seen: tf.Tensor,
        exact: tf.Tensor,
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
            exact: As in `recommend`.
            k: As in `recommend`.
            request_time: As in `recommend`.
            features: As in `recommend`.

        Returns:
            What `recommend` returns.

        Raises:
            InvalidArgumentError: When run: a k is out of range.
        """
        context, listed = self._requests.by_events(events, event_times, request_time, features)
        excluded = self._requests.excluded(listed, exclude, exclude_seen)
        return self._answer(context, excluded, k, exact)

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
        context, _ = self._requests.by_query(query_id, request_time, features)
        return {EMBEDDING: self.scorer.prepare(context)}

    def similar_items(self, item: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """The candidates whose vectors are nearest to a candidate's, by cosine.

        Exact, whatever the index: its lists are made for the scores of requests, not for cosines.

        Args:
            item: Key (title) or id of a candidate each [B], string.
            k: As in `recommend`.

        Returns:
            What `recommend` returns; the candidate itself is left out. For an item that is not in
            the catalogue the count is 0.

        Raises:
            InvalidArgumentError: When run: a k is out of range.
        """
        position = self.catalogue.position(item)
        is_known = position != preprocessing.UNKNOWN
        itself = tf.RaggedTensor.from_row_lengths(position, tf.ones_like(position))
        k = lists.wanted_k(k, tf.size(item, tf.int64), len(self.catalogue))
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
        seen, asked = (self.catalogue.position(names) for names in (events, items))
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
            **self.catalogue.names(tf.maximum(position, 0), is_told),
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
        events, times = self._requests.known_events(query_id)
        return {
            **self.catalogue.names_in(events),
            EVENT_TIMES: times.to_tensor(UNKNOWN_TIME),
            COUNT: tf.cast(events.row_lengths(), tf.int32),
        }

    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranks of the true candidates, see `evaluation.EvaluationGraph.evaluate`."""
        return self._evaluation.evaluate(examples)

    def indexed_candidates(self) -> dict[str, tf.Tensor]:
        """Every candidate that can be served.

        Returns:
            Id and title (string) and norm (float32), each [N]. `alias` [any], string: every raw id
            that an event may have; `alias_position` [any], int64: which of the candidates it names.
            `labels` [N], string: names of its labels, such as genres, with commas between them.
        """
        return {**self.catalogue.described(), NORM: self.scorer.candidate_norms()}

    def _answer(
        self, context: QueryContext, excluded: tf.RaggedTensor, k: tf.Tensor, exact: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Lists of the `k` best for requests, without what is excluded."""
        k = lists.wanted_k(k, tf.shape(context.query, tf.int64)[0], len(self.catalogue))
        return self._named(self.index.best(self.scorer.prepare(context), k, excluded, exact))

    def _named(self, found: lists.Lists) -> dict[str, tf.Tensor]:
        """Lists as callers read them."""
        names = self.catalogue.names(found.position, found.is_filled)
        return {**names, SCORE: found.score, COUNT: found.count}
