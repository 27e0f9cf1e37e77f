"""What may be tuned about the two-tower model and its training."""

from __future__ import annotations

import dataclasses
import json

OPTIMIZERS = ("adagrad", "adam")


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of one training.

    Attributes:
        embedding_dimension: Width of both towers' output, without the bias coordinate.
        optimizer: One of `OPTIMIZERS`.
        learning_rate: Peak learning rate. The loss is a mean over the batch times its size (a sum,
            as `tfrs.tasks.Retrieval` has it), so the best rate depends on `batch_size`.
        batch_size: Positive pairs per step.
        epochs: Most passes over the train split.
        patience: Epochs without a better valid metric until training stops; 0 never stops early.
        logq_correction: Subtract the log of each in-batch candidate's sampling probability from its
            logit (Yi et al. 2019, "Sampling-bias-corrected neural modeling") and mask accidental
            hits: other pairs of the batch that have the same candidate.
        candidate_bias: Give each candidate a learned bias, started at its log popularity.
        candidate_features: Let the candidate tower read the candidate's labels and buckets.
        query_dropout: Share of the query tower's output dropped in training.
        seed: Seed of initial weights, shuffling and dropout.
    """

    embedding_dimension: int = 64
    optimizer: str = "adam"
    learning_rate: float = 0.005
    batch_size: int = 512
    epochs: int = 5
    patience: int = 2
    logq_correction: bool = True
    candidate_bias: bool = True
    candidate_features: bool = True
    query_dropout: float = 0.4
    seed: int = 42

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is not one of {', '.join(OPTIMIZERS)}")
        for name in ("embedding_dimension", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not at least 1")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, not above 0")
        if not 0 <= self.query_dropout < 1:
            raise ValueError(f"query_dropout is {self.query_dropout}, not in [0, 1)")
        if self.patience < 0:
            raise ValueError(f"patience is {self.patience}, not at least 0")

    def to_json(self) -> str:
        """The hyperparameters as JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Hyperparameters:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))
