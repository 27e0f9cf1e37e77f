"""The search: what may change, in which order it is tried, and what a trial is.

Not tried are: `epochs`, because more of them cost more; `batch_size`, because the learning rate
makes up for it; `returning_share`, because how much those who come back matter is a decision about
the product, which no valid split can take; `seed`, because a lucky one makes no better model; and
which parts the model has, because that is what presets are for.
"""

from __future__ import annotations

import dataclasses
import gc
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from components.trainer.hyperparameters import Hyperparameters
from components.trainer.inputs import TrainingInputs
from components.trainer.training import VALID_METRIC, valid_accuracy

# Bounds are factors of what is given: the best learning rate depends on optimizer and batch size,
# and beyond three times off a training diverges or does not get anywhere in its epochs.
_LEARNING_RATE_FACTOR = 3.0
# The seconds of a trial grow with the width, so that a wider range would be paid for by the hour.
_DIMENSION_FACTOR = 2
# From none to as much as leaves a fifth of what there is to learn from.
_MOST_DROPOUT = 0.8


def search_space(given: Hyperparameters) -> keras_tuner.HyperParameters:
    """What may change, and how far; its defaults are the values that are given.

    The dropout of a part that the model does not have is left out.

    Args:
        given: Hyperparameters to start from.
    """
    rate, dimension = given.learning_rate, given.embedding_dimension
    reads_history = given.history != "none"
    dropouts = {
        "history_dropout": reads_history,
        "session_dropout": bool(given.session_decays),
        "hidden_dropout": reads_history and given.hidden_units > 0,
        "query_dropout": True,
    }
    space = keras_tuner.HyperParameters()
    space.Float(
        "learning_rate",
        rate / _LEARNING_RATE_FACTOR,
        rate * _LEARNING_RATE_FACTOR,
        sampling="log",
        default=rate,
    )
    space.Int(
        "embedding_dimension",
        max(dimension // _DIMENSION_FACTOR, 1),
        dimension * _DIMENSION_FACTOR,
        sampling="log",
        default=dimension,
    )
    for name, has_effect in dropouts.items():
        if has_effect:
            space.Float(name, 0.0, _MOST_DROPOUT, default=getattr(given, name))
    return space


class GivenFirst(keras_tuner.oracles.BayesianOptimizationOracle):
    """Bayesian optimization whose first trial is what is given, so that no result is worse."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values of the next trial, and whether there is one."""
        if not self.trials:
            return {"status": TrialStatus.RUNNING, "values": self.get_space().values}
        response = super().populate_space(trial_id)
        # People copy these values, and digits beyond the third make no other model.
        values = {name: _rounded(value) for name, value in response["values"].items()}
        return {**response, "values": values}


class HyperparameterSearch(keras_tuner.Tuner):
    """Trains a model per trial; `search` takes the arguments of `run_trial` after the trial."""

    def run_trial(self, trial: Trial, inputs: TrainingInputs, given: Hyperparameters) -> float:
        """Trains and returns the valid metric of what the training ends with.

        Args:
            trial: The trial.
            inputs: What to train on.
            given: Hyperparameters that the values of the trial replace.
        """
        # Models are knots of references: uncollected, each trial leaves some 100 MB behind.
        gc.collect()
        hyperparameters = dataclasses.replace(given, **trial.hyperparameters.values)
        try:
            fitted = inputs.train(hyperparameters, self.get_trial_dir(trial.trial_id))
        except Exception as error:
            # Any other error would only be noted, and the search go on to its next trial.
            raise keras_tuner.errors.FatalError(f"{type(error).__name__}: {error}") from error
        return valid_accuracy(fitted.history, hyperparameters)


def search(
    inputs: TrainingInputs, given: Hyperparameters, trials: int, seed: int, folder: str
) -> HyperparameterSearch:
    """Searches for the best valid metric; equal arguments give equal trials.

    Args:
        inputs: What to train on.
        given: Hyperparameters of the first trial.
        trials: Number of trials.
        seed: Of the order of the search, at least 1: KerasTuner takes 0 for none.
        folder: An empty folder for the state of the search.
    """
    space = search_space(given)
    oracle = GivenFirst(
        objective=keras_tuner.Objective(VALID_METRIC, "max"),
        max_trials=trials,
        # Random trials before the Gaussian process has a say. KerasTuner's default, three times as
        # many, would leave ten trials to chance alone.
        num_initial_points=len(space.space),
        hyperparameters=space,
        seed=seed,
    )
    tuner = HyperparameterSearch(oracle, directory=folder)
    tuner.search(inputs, given)
    return tuner


def _rounded(value: float) -> float:
    return float(f"{value:.3g}") if isinstance(value, float) else value
