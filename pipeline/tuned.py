"""What a Tuner found, and how to keep it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pipeline.component_record import OutputArtifact


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What a Tuner found.

    Attributes:
        trials: Number of trials.
        accuracy: Valid top-100 accuracy among unseen titles of the best trial.
        accuracy_as_given: That of the first trial, whose hyperparameters are the config's.
        changed: Given and best value of each hyperparameter where they differ, by name.
    """

    trials: int
    accuracy: float
    accuracy_as_given: float
    changed: dict[str, tuple[float, float]]

    @classmethod
    def of_artifact(cls, artifact: OutputArtifact) -> Tuned:
        """Reads what the Tuner recorded on its results."""
        changed = json.loads(artifact.values["changed"])
        return cls(
            trials=artifact.values["trials"],
            accuracy=artifact.values["accuracy"],
            accuracy_as_given=artifact.values["accuracy_as_given"],
            changed={name: (given, best) for name, (given, best) in changed.items()},
        )

    @property
    def assignments(self) -> list[str]:
        """What `--set` has to be told for the best trial's values to be those of the config."""
        return [f"training.{name}={json.dumps(best)}" for name, (_, best) in self.changed.items()]

    @property
    def sentence(self) -> str:
        """How to keep what was found, on one line."""
        if not self.changed:
            return "The Tuner found nothing better than what was given."
        options = " ".join(f"--set {assignment}" for assignment in self.assignments)
        return f"To keep what the Tuner found: {options}"

    def to_json(self) -> dict[str, Any]:
        """What programs are told."""
        return {
            "trials": self.trials,
            "accuracy": self.accuracy,
            "accuracy_as_given": self.accuracy_as_given,
            "assignments": self.assignments,
        }
