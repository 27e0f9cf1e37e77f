"""What the Trainer exports: one SavedModel that answers queries and can be evaluated.

Shapes: B queries, N candidates, K = min(100, N). Evaluation and serving share the transform graph,
the index and the exclusion of seen candidates; they differ only in where the seen come from.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples.columns import SEEN_CANDIDATES
from components.trainer import ranking
from components.trainer.index import IndexTables
from components.transform import preprocessing
from components.transform.graph import TransformGraph

SERVED = 100
SERVING_SIGNATURE = "serving_default"
EVALUATION_SIGNATURE = "evaluation"
RANK = "rank"
UNSEEN_RANK = "unseen_rank"
USABLE = "usable"


class RetrievalServing(tf.Module):
    """The exported module.

    Args:
        tables: Vectors, titles and what each query saw.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self, tables: IndexTables, transform_graph: TransformGraph, definition: DatasetDefinition
    ) -> None:
        super().__init__(name="retrieval_serving")
        self._definition = definition
        self.transform_graph = transform_graph
        width = tables.query_vectors.shape[1]
        unknown = np.zeros([1, width], np.float32)
        unknown[0, -1] = 1
        # Variables, not constants: a graph may not exceed 2 GB.
        self.query_vectors = _table(np.concatenate([tables.query_vectors, unknown]))
        self.candidate_vectors = _table(tables.candidate_vectors)
        self.ids = _table(tables.ids)
        self.titles = _table(tables.titles)
        self.seen = _table(tables.seen.candidate)
        self.seen_splits = _table(np.append(tables.seen.splits, tables.seen.splits[-1:]))
        self._unknown = len(tables.query_vectors)
        self._served = min(SERVED, len(tables.ids))

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """The functions to save, by signature name."""
        query_id = tf.TensorSpec([None], tf.string, name=self._definition.query_id)
        examples = tf.TensorSpec([None], tf.string, name="examples")
        return {
            SERVING_SIGNATURE: tf.function(self.serve, autograph=False).get_concrete_function(
                query_id
            ),
            EVALUATION_SIGNATURE: tf.function(self.evaluate, autograph=False).get_concrete_function(
                examples
            ),
        }

    def serve(self, query_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """The K best candidates that each query did not see in train.

        Args:
            query_id: Raw query ids [B], string. An unknown one gets the popular candidates.

        Returns:
            Title, id (string) and score (float32) [B, K], best first. Where fewer than K unseen
            candidates exist, the places left over hold empty strings and a score of -infinity.
        """
        row = self._row(_one_per_row(query_id))
        seen = tf.RaggedTensor.from_row_splits(self.seen, self.seen_splits)
        scores = ranking.exclude(self._scores(row), tf.gather(seen, row).to_sparse())
        best, position = tf.math.top_k(scores, self._served)
        exists = best > ranking.EXCLUDED_SCORE
        return {
            self._definition.candidate_title: tf.where(
                exists, tf.gather(self.titles, position), ""
            ),
            self._definition.candidate_id: tf.where(exists, tf.gather(self.ids, position), ""),
            "score": best,
        }

    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Ranks of the true candidates.

        Args:
            examples: Serialized tf.Examples [B], string, with the query id, the candidate key and
                the seen candidates.

        Returns:
            `rank` among all candidates and `unseen_rank` among those not seen [B], int64, see
            `ranking.rank_of`; `usable` [B], bool: no score of the row is NaN or +infinite.
        """
        names = [self._definition.query_id, self._definition.candidate_key, SEEN_CANDIDATES]
        types = self.transform_graph.column_types
        features = self.transform_graph(
            tf.io.parse_example(
                examples, {name: tf.io.VarLenFeature(types[name]) for name in names}
            )
        )
        scores = self._scores(_known_or(features[preprocessing.QUERY], self._unknown))
        candidate = features[preprocessing.CANDIDATE]
        unseen = ranking.exclude(scores, features[preprocessing.SEEN])
        return {
            RANK: ranking.rank_of(scores, candidate),
            UNSEEN_RANK: ranking.rank_of(unseen, candidate),
            USABLE: ranking.all_usable(scores),
        }

    def _row(self, query_id: tf.SparseTensor) -> tf.Tensor:
        features = self.transform_graph({self._definition.query_id: query_id})
        return _known_or(features[preprocessing.QUERY], self._unknown)

    def _scores(self, row: tf.Tensor) -> tf.Tensor:
        return tf.matmul(
            tf.gather(self.query_vectors, row), self.candidate_vectors, transpose_b=True
        )


def save(
    tables: IndexTables,
    transform_graph_uri: str,
    definition: DatasetDefinition,
    folder: str,
) -> None:
    """Writes the SavedModel to `folder`."""
    module = RetrievalServing(tables, TransformGraph(transform_graph_uri), definition)
    tf.saved_model.save(module, folder, signatures=module.signatures())


def _table(values: np.ndarray) -> tf.Variable:
    return tf.Variable(values, trainable=False, dtype=tf.string if values.dtype == object else None)


def _one_per_row(values: tf.Tensor) -> tf.SparseTensor:
    rows = tf.shape(values, tf.int64)[0]
    indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
    return tf.SparseTensor(indices, values, tf.stack([rows, tf.constant(1, tf.int64)]))


def _known_or(position: tf.Tensor, unknown: int) -> tf.Tensor:
    return tf.where(position == preprocessing.UNKNOWN, tf.constant(unknown, tf.int64), position)
