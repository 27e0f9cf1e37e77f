"""The Tuner's search, what it writes, and that the Trainer goes by it."""

from __future__ import annotations

import dataclasses
import json
import types
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
from tfx.types import standard_artifacts

from components.trainer.hyperparameters import Hyperparameters
from components.trainer.inputs import TrainingInputs
from components.trainer.training import VALID_METRIC
from components.tuner import executor as tuner
from components.tuner.search import search_space
from tests.components.conftest import HYPERPARAMETERS
from tests.components.steps import Artifacts, new_artifact, run_trainer

GIVEN = dataclasses.replace(HYPERPARAMETERS, embedding_dimension=4, epochs=2)
TRIALS = 3


@dataclasses.dataclass(frozen=True)
class Found:
    """What a Tuner gave out."""

    best: standard_artifacts.HyperParameters
    results: standard_artifacts.TunerResults

    @property
    def config(self) -> dict[str, Any]:
        """The best hyperparameters as KerasTuner writes them."""
        parsed: dict[str, Any] = json.loads(_only_file(self.best).read_text(encoding="utf-8"))
        return parsed

    @property
    def trials(self) -> list[dict[str, Any]]:
        """Id, score and values of each trial, best first."""
        parsed: list[dict[str, Any]] = json.loads(_only_file(self.results).read_text("utf-8"))
        return parsed


def _only_file(artifact: Any) -> Path:
    (file,) = Path(artifact.uri).iterdir()
    return file


def _values(trial: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in trial.items() if name not in ("trial_id", "score")}


def _tune(artifacts: Artifacts, output: Path, seed: int = 42, trials: int = TRIALS) -> Found:
    found = Found(
        new_artifact(standard_artifacts.HyperParameters, output / "best", 40),
        new_artifact(standard_artifacts.TunerResults, output / "results", 41),
    )
    context = tuner.Executor.Context(tmp_dir=str(output / "temporary"), unique_id="1")
    tuner.Executor(context).Do(
        {name: [artifact] for name, artifact in artifacts.training_inputs().items()},
        {"best_hyperparameters": [found.best], "tuner_results": [found.results]},
        {"hyperparameters": GIVEN.to_json(), "trials": trials, "seed": seed, "code_version": ""},
    )
    return found


@pytest.fixture(scope="module")
def found(artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return _tune(artifacts, tmp_path_factory.mktemp("tuned"))


def test_the_space_starts_at_what_is_given_and_has_no_dropout_without_effect() -> None:
    plain = dataclasses.replace(
        GIVEN, history="none", session_decays=(), query_id=True, optimizer="adagrad"
    )
    for given, dropouts in (
        (GIVEN, {"history_dropout", "session_dropout", "hidden_dropout", "query_dropout"}),
        (dataclasses.replace(GIVEN, session_decays=(), hidden_units=0), {"history_dropout"}),
        (plain, set()),
    ):
        values = search_space(given).values
        assert values.keys() == {"learning_rate", "embedding_dimension", "query_dropout", *dropouts}
        assert dataclasses.replace(given, **values) == given


def test_keras_tuner_reads_the_best_hyperparameters(found: Found) -> None:
    assert _only_file(found.best).name == "best_hyperparameters.txt"
    assert _only_file(found.results).name == "tuner_results.json"
    read = keras_tuner.HyperParameters.from_config(found.config)
    assert {hyperparameter.name for hyperparameter in read.space} == set(read.values)
    assert read.values == _values(found.trials[0])


def test_the_first_trial_is_what_is_given(found: Found) -> None:
    first = min(found.trials, key=lambda trial: trial["trial_id"])
    assert dataclasses.replace(GIVEN, **_values(first)) == GIVEN
    assert len(found.trials) == TRIALS
    assert len({json.dumps(_values(trial)) for trial in found.trials}) == TRIALS
    assert found.results.get_float_custom_property("accuracy_as_given") == first["score"]


def test_the_best_trial_has_the_highest_score_and_can_be_trained_again(
    found: Found, artifacts: Artifacts, tmp_path: Path
) -> None:
    best = found.trials[0]
    assert best["score"] == max(trial["score"] for trial in found.trials)
    assert found.results.get_float_custom_property("accuracy") == best["score"]
    assert found.results.get_int_custom_property("trials") == TRIALS
    inputs = TrainingInputs.read(
        {name: [artifact] for name, artifact in artifacts.training_inputs().items()}
    )
    again = inputs.train(dataclasses.replace(GIVEN, **found.config["values"]), str(tmp_path))
    assert again.history[VALID_METRIC][-1] == best["score"]


def test_changed_is_what_differs_from_what_is_given(found: Found) -> None:
    changed = json.loads(found.results.get_string_custom_property("changed"))
    best = dataclasses.replace(GIVEN, **found.config["values"])
    differing = {name: [value, getattr(best, name)] for name, value in vars(GIVEN).items()}
    assert changed == {name: pair for name, pair in differing.items() if pair[0] != pair[1]}


def test_equal_seeds_give_equal_trials_and_others_do_not(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(_: TrainingInputs, hyperparameters: Hyperparameters, folder: str) -> Any:
        accuracy = 1 - abs(hyperparameters.query_dropout - 0.33)
        return types.SimpleNamespace(history={VALID_METRIC: [1.0, 0.0, accuracy]})

    monkeypatch.setattr(TrainingInputs, "train", train)
    # Enough for the Gaussian process to be asked.
    trials = len(search_space(GIVEN).space) + 4
    found = [
        _tune(artifacts, tmp_path / str(place), seed, trials).trials
        for place, seed in enumerate((42, 42, 1))
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert [trial["score"] for trial in found[0]] == sorted(
        (1 - abs(trial["query_dropout"] - 0.33) for trial in found[0]), reverse=True
    )
    for trial in found[0]:
        assert 0.001 <= trial["learning_rate"] <= 0.009
        assert len(f"{trial['learning_rate']:.10f}".lstrip("0.").rstrip("0")) <= 3


def test_the_trainer_uses_the_best_hyperparameters(
    found: Found, artifacts: Artifacts, tmp_path: Path
) -> None:
    def used(model: Any) -> Hyperparameters:
        return Hyperparameters.from_json(model.get_string_custom_property("hyperparameters"))

    values = {**found.config["values"], "embedding_dimension": 5}
    _only_file(found.best).write_text(json.dumps({**found.config, "values": values}), "utf-8")
    inputs = {**artifacts.training_inputs(), "best_hyperparameters": found.best}
    model, _ = run_trainer(inputs, tmp_path, GIVEN)
    assert used(model) == dataclasses.replace(GIVEN, **values)
    assert used(artifacts.model) == HYPERPARAMETERS


def test_a_trial_that_fails_ends_the_search(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(TrainingInputs, "train", fail)
    with pytest.raises(keras_tuner.errors.FatalError, match="MemoryError: no room"):
        _tune(artifacts, tmp_path)
