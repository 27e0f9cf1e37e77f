"""Checkpoints after each epoch, from which a training that was killed goes on.

What follows is what would have followed: random numbers depend on seed and step alone, the order of
the data on seed and epoch, and early stopping goes on with what it had seen.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from absl import logging

_PREFIX = "epochs"
# What `tf_keras.callbacks.EarlyStopping` keeps from epoch to epoch, beside its best weights.
_STOPPING = ("wait", "best", "best_epoch", "stopped_epoch")


def checkpoint_folder(root: str, *identity: str) -> str:
    """The folder of a training, which another with any difference does not share.

    Args:
        root: Folder of all checkpoints.
        identity: Whatever the training depends on.
    """
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return os.path.join(root, digest[:32])


def discard(folder: str) -> None:
    """Removes the checkpoints of a training that is over, if there are any."""
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)


class Progress(tf.train.experimental.PythonState):  # type: ignore[misc]
    """What a training has been through beside its variables, as a part of its checkpoints.

    Attributes:
        history: Value per epoch of each logged figure.
        stopped: Whether it was stopped early.
        stopping: State of the early stopping, see `_STOPPING`; empty without.
        best_weights: Weights of the best epoch; empty where there are none.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.stopped = False
        self.stopping: dict[str, float] = {}
        self.best_weights: list[np.ndarray] = []

    @property
    def epochs(self) -> int:
        """Epochs that are over."""
        return max(map(len, self.history.values()), default=0)

    def serialize(self) -> bytes:
        """All of it as the bytes of a .npz file."""
        stream = io.BytesIO()
        values = json.dumps([self.history, self.stopped, self.stopping])
        np.savez(stream, *self.best_weights, values=np.array(values))
        return stream.getvalue()

    def deserialize(self, string_value: bytes) -> None:
        """Inverse of `serialize`."""
        with np.load(io.BytesIO(string_value)) as arrays:
            self.history, self.stopped, self.stopping = json.loads(str(arrays["values"]))
            self.best_weights = [arrays[f"arr_{i}"] for i in range(len(arrays.files) - 1)]


class EpochCheckpoints(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the figures of each epoch and, where there is a folder, a checkpoint of the last.

    To come after the callbacks that add to the logs and after the early stopping.

    Args:
        model: The model, with all variables of its optimizer in place.
        folder: Folder of the checkpoints; None for none.
        early_stopping: The training's early stopping, if any.
        writes: Whether to write checkpoints, or only to go on from one.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        folder: str | None,
        early_stopping: tf_keras.callbacks.EarlyStopping | None,
        writes: bool = True,
    ) -> None:
        super().__init__()
        self._writes = writes
        self.progress = Progress()
        self._early_stopping = early_stopping
        self._manager = None
        if folder is not None:
            checkpoint = tf.train.Checkpoint(
                model=model, optimizer=model.optimizer, progress=self.progress
            )
            self._manager = tf.train.CheckpointManager(
                checkpoint, folder, max_to_keep=1, checkpoint_name=_PREFIX
            )

    def restore(self) -> None:
        """Goes back to the last checkpoint, if there is one."""
        if self._manager is None or self._manager.latest_checkpoint is None:
            return
        path = self._manager.latest_checkpoint
        self._manager.checkpoint.restore(path).assert_existing_objects_matched()
        logging.info("Training goes on after epoch %d, from %s", self.progress.epochs, path)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Gives the early stopping back what it had seen."""
        if self._early_stopping is not None and self.progress.stopping:
            for name, value in self.progress.stopping.items():
                setattr(self._early_stopping, name, value)
            self._early_stopping.best_weights = self.progress.best_weights or None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the figures of the epoch and writes a checkpoint."""
        for name, value in (logs or {}).items():
            self.progress.history.setdefault(name, []).append(float(value))
        if self._manager is None or not self._writes:
            return
        self.progress.stopped = bool(self.model.stop_training)
        if self._early_stopping is not None:
            self.progress.stopping = {
                name: float(getattr(self._early_stopping, name)) for name in _STOPPING
            }
            self.progress.best_weights = list(self._early_stopping.best_weights or [])
        self._manager.save(checkpoint_number=epoch + 1)
