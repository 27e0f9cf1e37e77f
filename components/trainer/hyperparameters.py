"""What may be tuned about the two-tower model and its training."""

from __future__ import annotations

import dataclasses
import json

OPTIMIZERS = ("adagrad", "adam")
SOFTMAXES = ("auto", "full", "in_batch")
# What of a query's train events an example reads, or leaves out.
SCOPES = ("none", "earlier", "all")
# See `components.trainer.distribution`.
DISTRIBUTIONS = ("none", "mirrored", "multi_worker_mirrored")


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of one training.

    Attributes:
        embedding_dimension: Width of both towers' output, without the bias coordinate.
        query_id: Let the query tower read who asks: a vector per query of the train split.
        history: Which events of the query its tower sums up, whatever their order: `none`;
            `earlier`, those strictly before the request; or `all` of the train split, which for an
            event in the middle of it includes later ones.
        session_decays: Seconds after which an event before the request counts exp(-1) of what it
            counted at first, one channel each; empty for a tower that does not read the time.
        session_length: Most recent events that the session channels read.
        hidden_units: Width of a hidden layer over the channels, whose output is added to their sum;
            0 for none.
        query_features: Let the query tower read the query's labels and buckets, which a request
            brings, or the served model knows of a query in the train split.
        candidate_bias: Give each candidate a learned bias, started at its log popularity.
        candidate_features: Let the towers read the labels and buckets of candidates: of those that
            are scored, and of those that events are about.
        recency_days: Train events weigh exp(-age / recency_days), in the loss and in the popularity
            that the bias starts at, where age is up to the last of them; 0 weights all alike.
        softmax: `full` for the exact softmax over the catalogue, `in_batch` for the candidates of
            the batch, `auto` for the former in catalogues of up to `model.MOST_FOR_FULL_SOFTMAX`.
        logq_correction: Subtract the log of each in-batch candidate's sampling probability from its
            logit (Yi et al. 2019, "Sampling-bias-corrected neural modeling") and mask accidental
            hits: other pairs of the batch that have the same candidate.
        mask_seen: Which of the query's train events are left out of the softmax, as serving leaves
            out what was seen: `none`; `earlier`, those of the example's history; or `all`.
        members: Pairs of towers trained side by side, whose scores add up; with `members` times the
            coordinates, and each trained as if it were alone.
        optimizer: One of `OPTIMIZERS`.
        learning_rate: Peak learning rate. The loss is a mean over the batch times its size (a sum,
            as `tfrs.tasks.Retrieval` has it), so the best rate depends on `batch_size`.
        warmup_steps: Steps over which `adam` rises to the peak.
        batch_size: Positive pairs per step.
        epochs: Most passes over the train split.
        patience: Epochs without a better valid metric until training stops; 0 never stops early.
        history_dropout: Share of the history left out in training.
        session_dropout: Share of the events of the session channels left out in training.
        hidden_dropout: Share of the hidden layer dropped in training.
        query_dropout: Share of the query tower's output dropped in training.
        feature_dropout: Share of the training examples whose query features are missing, all of
            them, so that a request is answered that does not tell them.
        returning_share: Share of the training examples whose query comes as a visitor who returns
            long after: with all its other train events, and none of them recent.
        unread_share: Lowest and highest share of the other train events that a training example
            leaves unread, drawn for each. What it reads stands for the whole, and a `mask_seen` of
            `all` masks nothing else: training foresees several events from the rest, as evaluation
            does, and not one from all others. Needs a history of `all`; both 0 to read all.
        seed: Seed of initial weights, shuffling and dropout.
        distribution: `none` for one device, `mirrored` for all devices of this machine,
            `multi_worker_mirrored` for the machines that TF_CONFIG names. Each device has its share
            of every batch; what is dropped out differs with their number, and nothing else.
    """

    embedding_dimension: int = 64
    query_id: bool = False
    history: str = "earlier"
    session_decays: tuple[float, ...] = (10.0, 60.0, 600.0, 7200.0, 86400.0, 2592000.0)
    session_length: int = 32
    hidden_units: int = 512
    query_features: bool = False
    candidate_bias: bool = True
    candidate_features: bool = True
    recency_days: float = 0.0
    softmax: str = "auto"
    logq_correction: bool = True
    mask_seen: str = "all"
    members: int = 1
    optimizer: str = "adam"
    learning_rate: float = 0.003
    warmup_steps: int = 100
    batch_size: int = 512
    epochs: int = 8
    patience: int = 2
    history_dropout: float = 0.3
    session_dropout: float = 0.2
    hidden_dropout: float = 0.3
    query_dropout: float = 0.5
    feature_dropout: float = 0.0
    returning_share: float = 0.1
    unread_share: tuple[float, float] = (0.0, 0.0)
    seed: int = 42
    distribution: str = "none"

    def __post_init__(self) -> None:
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("softmax", SOFTMAXES),
            ("history", SCOPES),
            ("mask_seen", SCOPES),
            ("distribution", DISTRIBUTIONS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is not one of {', '.join(known)}")
        for name in ("embedding_dimension", "session_length", "members", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not at least 1")
        for name in (
            "history_dropout",
            "session_dropout",
            "hidden_dropout",
            "query_dropout",
            "feature_dropout",
            "returning_share",
        ):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not in [0, 1)")
        low, high = self.unread_share
        if not 0 <= low <= high < 1:
            raise ValueError(
                f"unread_share is {self.unread_share}, not a lower and a higher number in [0, 1)"
            )
        if high and self.history != "all":
            raise ValueError(f"unread_share needs the history 'all', not {self.history!r}")
        for name in ("hidden_units", "warmup_steps", "patience", "recency_days"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, not at least 0")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, not above 0")
        if any(decay <= 0 for decay in self.session_decays):
            raise ValueError(f"session_decays are {self.session_decays}, not all above 0")
        if self.session_decays and self.history == "none":
            raise ValueError("session_decays need a history that is not 'none'")
        if self.history == "none" and not self.query_id and not self.query_features:
            raise ValueError("the query tower reads nothing: neither query_id nor a history")

    @property
    def reads_events(self) -> bool:
        """Whether the query tower reads events, and not who asks alone."""
        return self.history != "none" or self.query_features

    @property
    def reads_time(self) -> bool:
        """Whether what the query tower gives depends on when it is asked."""
        return self.history == "earlier" or bool(self.session_decays)

    def to_json(self) -> str:
        """The hyperparameters as JSON with sorted keys."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Hyperparameters:
        """Inverse of `to_json`."""
        values = json.loads(text)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})
