"""Resolves the baseline: the latest comparable blessed model that is not the candidate itself."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy

from components.examples.artifacts import SPLIT


class LatestOtherBlessedModel(latest_blessed_model_strategy.LatestBlessedModelStrategy):
    """TFX's LatestBlessedModelStrategy among models of the candidate's split, itself left out.

    A run in which nothing changed has the model of the run before as its candidate. Were that also
    its baseline, the Evaluator would meet new inputs and compare the model with itself. And a model
    of another split may have been trained on the very events that the candidate is evaluated on.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Resolves `model` and `model_blessing`, both possibly empty; passes `candidate` on.

        Args:
            store: Metadata store, unused.
            input_dict: `candidate` (one Model), `model` and `model_blessing` (all of them).
        """
        [candidate] = input_dict["candidate"]
        split = candidate.get_string_custom_property(SPLIT)
        others = [
            model
            for model in input_dict["model"]
            if model.id != candidate.id and model.get_string_custom_property(SPLIT) == split
        ]
        resolved = self._resolve(
            {"model": others, "model_blessing": input_dict["model_blessing"]},
            "model",
            "model_blessing",
        )
        return {**resolved, "candidate": input_dict["candidate"]}
