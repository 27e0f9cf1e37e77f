"""The catalogue as a served model has it. Shapes: N candidates, B requests."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.datasets.definition import DatasetDefinition
from components.examples.hashing import candidate_hash
from components.serving.context import keep
from components.serving.interface import ALIAS, ALIAS_POSITION, LABELS
from components.serving.scorers import table
from components.serving.tensors import one_per_row
from components.transform import preprocessing
from components.transform.graph import TransformGraph
from components.transform.reading import CandidateTable


class Catalogue(tf.Module):
    """Names of the candidates, and the candidates by name.

    Args:
        candidates: The catalogue, in the order of the candidate vocabulary.
        transform_graph: The transform graph.
        definition: The dataset's definition.
    """

    def __init__(
        self,
        candidates: CandidateTable,
        transform_graph: TransformGraph,
        definition: DatasetDefinition,
    ) -> None:
        super().__init__(name="catalogue")
        self._definition = definition
        self._size = len(candidates)
        self.transform_graph = transform_graph
        self.ids = table(candidates.ids)
        self.titles = table(candidates.titles)
        self.labels = table(_labels(candidates, definition))
        self.position_of_hash = _positions(
            candidate_hash(candidates.keys), np.arange(len(candidates), dtype=np.int64)
        )
        self.position_of_id = _positions(*candidates.positions_of_ids())

    def __len__(self) -> int:
        return self._size

    def position(self, names: tf.Tensor) -> tf.Tensor:
        """Position of the candidate of each key or id, int64, of the same shape; else `UNKNOWN`."""
        flat = tf.reshape(names, [-1])
        column = {self._definition.candidate_key: one_per_row(flat)}
        by_key = self.transform_graph(column)[preprocessing.CANDIDATE]
        by_id = self.position_of_id.lookup(flat)
        position = tf.where(by_key == preprocessing.UNKNOWN, by_id, by_key)
        return tf.reshape(position, tf.shape(names))

    def located(
        self, hashes: tf.RaggedTensor, others: tf.RaggedTensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Positions of the candidates that lists name by hash, and what stands beside them."""
        positions = tf.ragged.map_flat_values(self.position_of_hash.lookup, hashes)
        # The data may be of another time than the model, with candidates it does not have.
        known = positions.values != preprocessing.UNKNOWN
        return keep(positions, known), keep(others, known)

    def names(self, position: tf.Tensor, is_told: tf.Tensor) -> dict[str, tf.Tensor]:
        """Title and id of each position, of the same shape; empty where they are not told."""
        return {
            name: tf.where(is_told, tf.gather(texts, position), "")
            for name, texts in self._texts().items()
        }

    def names_in(self, lists: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Title and id of each position in lists [B, any], filled up with empty strings."""
        return {
            name: lists.with_values(tf.gather(texts, lists.values)).to_tensor("")
            for name, texts in self._texts().items()
        }

    def described(self) -> dict[str, tf.Tensor]:
        """Id, title and labels of each candidate, and each raw id with its candidate's position."""
        aliases, positions = self.position_of_id.export()
        whole = {name: tf.identity(texts) for name, texts in self._texts().items()}
        return {
            **whole,
            ALIAS: aliases,
            ALIAS_POSITION: positions,
            LABELS: tf.identity(self.labels),
        }

    def _texts(self) -> dict[str, tf.Variable]:
        return {
            self._definition.candidate_title: self.titles,
            self._definition.candidate_id: self.ids,
        }


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


def _positions(keys: np.ndarray, positions: np.ndarray) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(keys), positions),
        default_value=preprocessing.UNKNOWN,
    )
