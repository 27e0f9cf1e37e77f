"""One SavedModel that answers queries and can be evaluated, whatever model scores.

Shapes: B queries, N candidates, K = min(100, N). Evaluation and serving share the transform graph,
the scorer and the exclusion of seen candidates; they differ only in where the seen come from.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples.columns import SEEN_CANDIDATES
from components.examples.hashing import candidate_hash
from components.serving import ranking
from components.serving.scorers import Scorer, table
from components.serving.seen import SeenCandidates
from components.transform import preprocessing
from components.transform.graph import TransformGraph
from components.transform.reading import CandidateTable

# To be raised with every change of what `evaluation` takes or gives: models of another interface
# cannot be evaluated together.
INTERFACE_VERSION = 1
SERVED = 100
SERVING_SIGNATURE = "serving_default"
EVALUATION_SIGNATURE = "evaluation"
INDEX_SIGNATURE = "indexed_candidates"
# An odd number of 63 bits, to keep the queries of equal lists apart.
_MULTIPLIER = 0x1E3779B97F4A7C15
# Outputs of the evaluation signature.
RANK = "rank"
UNSEEN_RANK = "unseen_rank"
USABLE = "usable"
TOP = "top"
IN_TRAIN = "in_train"
QUERY_NORM = "query_norm"
# Output of the index signature.
NORM = "norm"
SCORE = "score"


class RetrievalServing(tf.Module):
    """The exported module.

    Args:
        scorer: Scores the candidates of `candidates`.
        candidates: The catalogue, in the order of the candidate vocabulary.
        seen: Who saw what in train.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        scorer: Scorer,
        candidates: CandidateTable,
        seen: SeenCandidates,
        transform_graph: TransformGraph,
        definition: DatasetDefinition,
    ) -> None:
        super().__init__(name="retrieval_serving")
        self._definition = definition
        self.transform_graph = transform_graph
        self.scorer = scorer
        self.ids = table(candidates.ids)
        self.titles = table(candidates.titles)
        # Sorted, so that a pair is found by bisection; modulo N they are the candidates.
        self.seen_pairs = table(seen.pairs(len(candidates)))
        self.seen_splits = table(np.append(seen.splits, seen.splits[-1:]))
        self.position_of = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                candidate_hash(candidates.keys), np.arange(len(candidates), dtype=np.int64)
            ),
            default_value=preprocessing.UNKNOWN,
        )
        self._candidates = len(candidates)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by signature name."""
        query_id = tf.TensorSpec([None], tf.string, name=self._definition.query_id)
        examples = tf.TensorSpec([None], tf.string, name="examples")
        functions = {
            SERVING_SIGNATURE: (self.serve, [query_id]),
            EVALUATION_SIGNATURE: (self.evaluate, [examples]),
            INDEX_SIGNATURE: (self.indexed_candidates, []),
        }
        return {
            name: tf.function(function, autograph=False).get_concrete_function(*inputs)
            for name, (function, inputs) in functions.items()
        }

    def serve(self, query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """The K best candidates that each query did not see in train.

        Args:
            query_id: Raw query ids [B], string. An unknown one gets the popular candidates.

        Returns:
            Title, id (string) and score (float32) [B, K], best first. Where fewer than K unseen
            candidates exist, the places left over hold empty strings and a score of -infinity.
        """
        column = {self._definition.query_id: _one_per_row(query_id)}
        row = self._row(self.transform_graph(column)[preprocessing.QUERY])
        pairs = tf.RaggedTensor.from_row_splits(self.seen_pairs, self.seen_splits, validate=False)
        seen = tf.gather(pairs, row) % self._candidates
        scores = self.scorer.scores(self.scorer.prepare(row), 0, self._candidates)
        scores = ranking.exclude(scores, seen)
        best, position = tf.math.top_k(scores, min(SERVED, self._candidates))
        exists = best > ranking.EXCLUDED_SCORE
        return {
            self._definition.candidate_title: tf.where(
                exists, tf.gather(self.titles, position), ""
            ),
            self._definition.candidate_id: tf.where(exists, tf.gather(self.ids, position), ""),
            SCORE: best,
        }

    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranks of the true candidates.

        Args:
            examples: Serialized tf.Examples [B], string, with the query id, the candidate key and
                the seen candidates.

        Returns:
            `rank`, `unseen_rank`, `usable` and `top`, see `ranking.Ranks`; `in_train` [B], bool:
            this very pair was in the train split of the model; `query_norm` [B], float32.
        """
        raw = [self._definition.query_id, self._definition.candidate_key]
        columns = tf.io.parse_example(
            examples,
            {
                **{name: tf.io.VarLenFeature(tf.string) for name in raw},
                SEEN_CANDIDATES: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
            },
        )
        seen = columns.pop(SEEN_CANDIDATES)
        features = self.transform_graph(columns)
        candidate = features[preprocessing.CANDIDATE]
        row = self._row(features[preprocessing.QUERY])
        first, distinct = _distinct(row, seen)
        prepared = self.scorer.prepare(tf.gather(row, first))
        ranks = ranking.rank_candidates(
            lambda start, stop: self.scorer.scores(prepared, start, stop),
            self._candidates,
            distinct,
            candidate,
            tf.ragged.map_flat_values(self.position_of.lookup, tf.gather(seen, first)),
        )
        return {
            RANK: ranks.rank,
            UNSEEN_RANK: ranks.unseen_rank,
            USABLE: ranks.usable,
            TOP: ranks.top,
            IN_TRAIN: self._in_train(row, candidate),
            QUERY_NORM: tf.gather(self.scorer.query_norms(prepared), distinct),
        }

    def indexed_candidates(self) -> dict[str, tf.Tensor]:
        """Every candidate that can be served: id and title (string), norm (float32), each [N]."""
        return {
            self._definition.candidate_id: tf.identity(self.ids),
            self._definition.candidate_title: tf.identity(self.titles),
            NORM: self.scorer.candidate_norms(),
        }

    def _row(self, query: tf.Tensor) -> tf.Tensor:
        unknown = tf.constant(self.scorer.unknown, tf.int64)
        return tf.where(query == preprocessing.UNKNOWN, unknown, query)

    def _in_train(self, row: tf.Tensor, candidate: tf.Tensor) -> tf.Tensor:
        """Whether the candidate is among those that the row's query saw [B], bool."""
        pair = row * self._candidates + candidate
        # A variable that is gathered from is copied whenever it is read as a whole elsewhere.
        pairs = tf.convert_to_tensor(self.seen_pairs)
        place = tf.minimum(
            tf.searchsorted(pairs, pair, out_type=tf.int64), tf.shape(pairs, tf.int64)[0] - 1
        )
        inside = (candidate >= 0) & (candidate < self._candidates)
        return inside & (tf.gather(pairs, place) == pair)


def save(
    scorer: Scorer,
    candidates: CandidateTable,
    seen: SeenCandidates,
    transform_graph_uri: str,
    definition: DatasetDefinition,
    folder: str,
) -> None:
    """Writes the SavedModel to `folder`."""
    transform_graph = TransformGraph(transform_graph_uri)
    module = RetrievalServing(scorer, candidates, seen, transform_graph, definition)
    tf.saved_model.save(module, folder, signatures=module.signatures())


def _distinct(row: tf.Tensor, seen: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Groups rows of the same query with the same list of seen candidates.

    Returns:
        The first row of each group [D], int64, and the group of each row [B], int64.
    """
    # The sum of 64-bit hashes stands for the list: a difference of sums over all lists before.
    sums = tf.concat([[0], tf.cumsum(seen.values)], axis=0)
    listed = tf.gather(sums, seen.row_limits()) - tf.gather(sums, seen.row_starts())
    _, group = tf.unique(listed + row * _MULTIPLIER, out_idx=tf.int64)
    groups = tf.reduce_max(tf.concat([[-1], group], axis=0)) + 1
    rows = tf.range(seen.nrows())
    return tf.math.unsorted_segment_min(rows, group, groups), group


def _one_per_row(values: tf.Tensor) -> tf.SparseTensor:
    rows = tf.shape(values, tf.int64)[0]
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, values, tf.stack([rows, tf.constant(1, tf.int64)]))
