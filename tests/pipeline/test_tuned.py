"""What is told of a Tuner's result."""

from __future__ import annotations

import json

import pytest

from pipeline import presets
from pipeline.component_record import OutputArtifact
from pipeline.figures import key_figure
from pipeline.tuned import Tuned

BETTER: dict[str, list[float]] = {
    "learning_rate": [0.003, 0.00012],
    "embedding_dimension": [64, 96],
}


def results(changed: dict[str, list[float]]) -> OutputArtifact:
    values = {"trials": 7, "accuracy": 0.76543, "accuracy_as_given": 0.75}
    return OutputArtifact("/t", {**values, "changed": json.dumps(changed)})


@pytest.mark.parametrize(
    ("changed", "figure", "sentence"),
    [
        (
            BETTER,
            "best of 7 trials 0.7654, as given 0.7500; "
            "learning_rate 0.003 -> 0.00012, embedding_dimension 64 -> 96",
            "To keep what the Tuner found: "
            "--set training.learning_rate=0.00012 --set training.embedding_dimension=96",
        ),
        (
            {},
            "7 trials, none better than what is given: 0.7500",
            "The Tuner found nothing better than what was given.",
        ),
    ],
)
def test_what_changed_is_told_once_as_a_figure_and_once_as_options(
    changed: dict[str, list[float]], figure: str, sentence: str
) -> None:
    artifact = results(changed)
    assert key_figure("Tuner", {"tuner_results": artifact}) == figure
    assert Tuned.of_artifact(artifact).sentence == sentence


def test_its_assignments_give_the_config_the_best_values() -> None:
    tuned = Tuned.of_artifact(results(BETTER))
    training = presets.load("default", tuned.assignments).training
    assert (training.learning_rate, training.embedding_dimension) == (0.00012, 96)
