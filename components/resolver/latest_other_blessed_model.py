"""Resolves the baseline: the latest blessed model that is not the candidate itself."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy


class LatestOtherBlessedModel(latest_blessed_model_strategy.LatestBlessedModelStrategy):
    """TFX's LatestBlessedModelStrategy with the candidate left out.

    A run in which nothing changed has the model of the run before as its candidate. Were that also
    its baseline, the Evaluator would meet new inputs and compare the model with itself.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Resolves `model` and `model_blessing`, both possibly empty; passes `candidate` on.

        Args:
            store: Metadata store, unused.
            input_dict: `candidate` (one Model), `model` and `model_blessing` (all of them).
        """
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        others = [model for model in input_dict["model"] if model.id not in candidates]
        resolved = self._resolve(
            {"model": others, "model_blessing": input_dict["model_blessing"]},
            "model",
            "model_blessing",
        )
        return {**resolved, "candidate": input_dict["candidate"]}
