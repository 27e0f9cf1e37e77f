"""The optimizer of a training."""

from __future__ import annotations

import tensorflow as tf
import tf_keras

from components.trainer.hyperparameters import Hyperparameters

# Of the learning rate at its peak, after a cosine over all epochs.
_FINAL_LEARNING_RATE = 0.1


def optimizer_of(hyperparameters: Hyperparameters, steps: int) -> tf_keras.optimizers.Optimizer:
    """The optimizer and its schedule.

    Args:
        hyperparameters: Of the training.
        steps: Steps of an epoch.
    """
    if hyperparameters.optimizer == "adagrad":
        return tf_keras.optimizers.Adagrad(hyperparameters.learning_rate)
    warmup, peak = hyperparameters.warmup_steps, hyperparameters.learning_rate
    decay_steps = max(steps * hyperparameters.epochs - warmup, 1)
    schedule = tf_keras.optimizers.schedules.CosineDecay(
        peak / warmup if warmup else peak,
        decay_steps,
        alpha=_FINAL_LEARNING_RATE,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )
    return FusedAdam(schedule)


class FusedAdam(tf_keras.optimizers.Adam):
    """Keras' Adam (Kingma and Ba 2015), with one operation that updates by a dense gradient.

    The many that Keras makes of it, each of them a pass over the variable, make a training step a
    tenth longer. Of Keras' options it knows the learning rate alone.

    Args:
        learning_rate: The schedule.
    """

    def __init__(self, learning_rate: tf_keras.optimizers.schedules.LearningRateSchedule) -> None:
        super().__init__(learning_rate)

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable, and its momentum and velocity, by its gradient."""
        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        place = self._index_dict[self._var_key(variable)]
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].handle,
            v=self._velocities[place].handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(self.learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=gradient,
        )
