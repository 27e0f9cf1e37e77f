"""What a training reads of a component's inputs: shared by Trainer and Tuner."""

from __future__ import annotations

import dataclasses
from typing import Any

from components.serving.train_data import TrainData
from components.trainer import training
from components.trainer.hyperparameters import Hyperparameters
from components.transform import preprocessing, reading


@dataclasses.dataclass(frozen=True)
class TrainingInputs:
    """The train split to learn from and the valid split to choose by.

    Attributes:
        data: The train split and the catalogue.
        valid_split: Positive pairs of the valid split.
    """

    data: TrainData
    valid_split: reading.Interactions

    @classmethod
    def read(cls, input_dict: dict[str, list[Any]]) -> TrainingInputs:
        """Reads the inputs `examples`, `candidates` and `transform_graph` of a component.

        Args:
            input_dict: The component's inputs.
        """
        data = TrainData.read(input_dict, with_history=True)
        valid_split = reading.load_interactions(
            data.examples.uri,
            "valid",
            data.transform_graph,
            data.definition,
            data.candidates,
            with_history=True,
        )
        return cls(data, valid_split)

    def train(
        self,
        hyperparameters: Hyperparameters,
        log_folder: str,
        checkpoint_folder: str | None = None,
    ) -> training.Training:
        """Fits a model, see `training.train`.

        Args:
            hyperparameters: Of model and training.
            log_folder: Where TensorBoard finds the training curve.
            checkpoint_folder: Where each epoch leaves a checkpoint; None for no checkpoints.
        """
        return training.train(
            self.data.train_split,
            self.valid_split,
            self.data.candidates,
            self.data.events,
            preprocessing.query_feature_widths(),
            hyperparameters,
            log_folder,
            checkpoint_folder,
        )
