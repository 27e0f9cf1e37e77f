"""Trains one peer and exports it as every model is exported."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_transform as tft
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils

from components.examples.artifacts import CANDIDATES, CANDIDATES_SPLIT, INTERFACE, SPLIT
from components.peers.names import IMPLICIT_ALS, ITEM_KNN, POPULARITY
from components.serving import export
from components.serving.scorers import Scorer
from components.serving.seen import SeenCandidates
from components.transform import preprocessing, reading


class Executor(base_executor.BaseExecutor):
    """Executor of `components.peers.component.Peer`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the SavedModel."""
        self._log_startup(input_dict, output_dict, exec_properties)
        interactions = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.EXAMPLES_KEY]
        )
        graph = artifact_utils.get_single_uri(
            input_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        )
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        definition = preprocessing.DEFINITION
        queries = tft.TFTransformOutput(graph).vocabulary_size_by_name(
            preprocessing.QUERY_VOCABULARY
        )
        candidates = reading.load_candidates(
            artifact_utils.get_single_uri(input_dict[CANDIDATES]),
            CANDIDATES_SPLIT,
            graph,
            definition,
        )
        train_split = reading.load_interactions(interactions.uri, "train", graph, definition)
        seen = SeenCandidates.in_train(train_split, queries, len(candidates))
        counts = np.bincount(train_split.candidate, minlength=len(candidates))
        scorer = train(exec_properties["peer"], seen, counts)
        folder = path_utils.serving_model_dir(model.uri)
        export.save(scorer, candidates, seen, graph, definition, folder)
        model.set_int_custom_property(INTERFACE, export.INTERFACE_VERSION)
        model.set_string_custom_property(SPLIT, interactions.get_string_custom_property(SPLIT))


def train(peer: str, seen: SeenCandidates, counts: np.ndarray) -> Scorer:
    """Trains the named peer.

    Args:
        peer: One of `components.peers.names.PEERS`.
        seen: Who saw what in train.
        counts: Train events of each candidate [N].

    Raises:
        ValueError: There is no such peer.
    """
    # A peer's library is loaded by that peer only.
    if peer == POPULARITY:
        from components.peers import popularity

        return popularity.train(counts, queries=len(seen.splits) - 1)
    if peer == ITEM_KNN:
        from components.peers import item_knn

        return item_knn.train(seen, counts)
    if peer == IMPLICIT_ALS:
        from components.peers import implicit_als

        return implicit_als.train(seen, counts)
    raise ValueError(f"there is no peer {peer!r}")
