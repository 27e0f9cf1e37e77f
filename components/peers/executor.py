"""Trains one peer and exports it as every model is exported."""

from __future__ import annotations

from typing import Any

import numpy as np
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs

from components.peers.names import IMPLICIT_ALS, ITEM_KNN, POPULARITY, SESSION_KNN
from components.provenance.recording import recorded
from components.serving import interface
from components.serving.indexes.index import BruteForce
from components.serving.query_events import QueryEvents
from components.serving.scorers import Scorer
from components.serving.train_data import TrainData


class Executor(base_executor.BaseExecutor):
    """Executor of `components.peers.component.Peer`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the SavedModel."""
        self._log_startup(input_dict, output_dict, exec_properties)
        data = TrainData.read(input_dict, with_history=False)
        counts = np.bincount(data.train_split.candidate, minlength=len(data.candidates))
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        scorer = train(exec_properties["peer"], data.events, counts)
        index = BruteForce(scorer, len(data.candidates))
        # A peer is measured, not served: it needs what its evaluation asks.
        lists = interface.list_signature(by_events=data.split.history == "rolling")
        asked = (lists, interface.EVALUATION_SIGNATURE, interface.INDEX_SIGNATURE)
        data.save_model(index, model, only=asked)


def train(peer: str, events: QueryEvents, counts: np.ndarray) -> Scorer:
    """Trains the named peer.

    Args:
        peer: One of `components.peers.names.PEERS`.
        events: What is known of each query.
        counts: Train events of each candidate [N].

    Raises:
        ValueError: There is no such peer.
    """
    # A peer's library is loaded by that peer only.
    if peer == POPULARITY:
        from components.peers import popularity

        return popularity.train(counts, queries=events.queries)
    if peer == ITEM_KNN:
        from components.peers import item_knn

        return item_knn.train(events, counts)
    if peer == SESSION_KNN:
        from components.peers import session_knn

        return session_knn.train(events, counts)
    if peer == IMPLICIT_ALS:
        from components.peers import implicit_als

        return implicit_als.train(events, counts)
    raise ValueError(f"there is no peer {peer!r}")
