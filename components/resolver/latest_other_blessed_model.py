"""Resolves the baseline: the latest comparable blessed model that is not the candidate itself."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy

from components.examples.artifacts import INTERFACE, SPLIT


class LatestOtherBlessedModel(latest_blessed_model_strategy.LatestBlessedModelStrategy):
    """TFX's LatestBlessedModelStrategy among models like the candidate, itself left out.

    A run in which nothing changed has the model of the run before as its candidate. Were that also
    its baseline, the Evaluator would meet new inputs and compare the model with itself. And a model
    of another split may have been trained on the very events that the candidate is evaluated on,
    one of another interface cannot be evaluated together with it.
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
        others = [
            model
            for model in input_dict["model"]
            if model.id != candidate.id and _kind(model) == _kind(candidate)
        ]
        resolved = self._resolve(
            {"model": others, "model_blessing": input_dict["model_blessing"]},
            "model",
            "model_blessing",
        )
        return {**resolved, "candidate": input_dict["candidate"]}


def _kind(model: types.Artifact) -> tuple[str, int]:
    return model.get_string_custom_property(SPLIT), model.get_int_custom_property(INTERFACE)
