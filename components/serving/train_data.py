"""What every recommender starts from, and how its model leaves: shared by Trainer and peers."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils

from components.datasets.definition import DatasetDefinition
from components.example_gen.splits import SplitSpec
from components.examples.artifacts import CANDIDATES, CANDIDATES_SPLIT, INTERFACE, SPLIT
from components.serving import export, interface
from components.serving.indexes.index import Index
from components.serving.query_events import QueryEvents
from components.transform import preprocessing, reading


@dataclasses.dataclass(frozen=True)
class TrainData:
    """The train split and the catalogue, through the transform graph.

    Attributes:
        examples: Examples artifact of the interactions.
        transform_graph: Root of the TransformGraph artifact.
        definition: The dataset's definition.
        candidates: The catalogue.
        train_split: Positive pairs of the train split.
        events: What is known of each query: its events in the train split.
    """

    examples: Any
    transform_graph: str
    definition: DatasetDefinition
    candidates: reading.CandidateTable
    train_split: reading.Interactions
    events: QueryEvents

    @classmethod
    def read(cls, input_dict: dict[str, list[Any]], with_history: bool) -> TrainData:
        """Reads the inputs `examples`, `candidates` and `transform_graph` of a component.

        Args:
            input_dict: The component's inputs.
            with_history: Whether to read what is known before each event; it is most of the data.
        """
        examples = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.EXAMPLES_KEY]
        )
        graph = artifact_utils.get_single_uri(
            input_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        )
        catalogue = artifact_utils.get_single_uri(input_dict[CANDIDATES])
        definition = preprocessing.DEFINITION
        queries = tft.TFTransformOutput(graph).vocabulary_size_by_name(
            preprocessing.QUERY_VOCABULARY
        )
        candidates = reading.load_candidates(catalogue, CANDIDATES_SPLIT, graph, definition)
        train_split = reading.load_interactions(
            examples.uri, "train", graph, definition, candidates, with_history
        )
        events = QueryEvents.in_train(train_split, queries)
        return cls(examples, graph, definition, candidates, train_split, events)

    @property
    def split(self) -> SplitSpec:
        """How the examples were split."""
        return SplitSpec.from_json(self.examples.get_string_custom_property(SPLIT))

    def save_model(
        self,
        index: Index,
        model: Any,
        seen_table: bool = True,
        only: Collection[str] | None = None,
    ) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """Writes the SavedModel of an index, and marks the Model artifact with its kind.

        Args:
            index: The index.
            model: The Model artifact.
            seen_table: Whether the model knows the events and features of its queries.
            only: Names of the signatures to save; None for all.

        Returns:
            The functions that were saved, by signature name.
        """
        signatures = export.save(
            index,
            self.candidates,
            self.events if seen_table else QueryEvents.nothing(self.events.queries),
            self.split.history_length,
            self.transform_graph,
            self.definition,
            path_utils.serving_model_dir(model.uri),
            only,
        )
        model.set_int_custom_property(INTERFACE, interface.INTERFACE_VERSION)
        model.set_string_custom_property(SPLIT, self.examples.get_string_custom_property(SPLIT))
        return signatures
