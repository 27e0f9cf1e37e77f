"""Training on several devices or machines: the very loss of one device, row by row.

The loss is a sum over the rows of a batch, and so is its gradient over replicas. A row's softmax is
over the catalogue, or over the candidates of the whole batch, wherever their rows are.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

NONE = "none"
MIRRORED = "mirrored"
MULTI_WORKER = "multi_worker_mirrored"


@functools.cache
def strategy_of(distribution: str) -> tf.distribute.Strategy:
    """The strategy of a distribution, one of `hyperparameters.DISTRIBUTIONS`.

    It is made once in a process, for several would mix up their collectives. The one of several
    workers has to be made before anything else of TensorFlow is used.

    Raises:
        ValueError: This process lacks what it needs.
    """
    if distribution == MIRRORED:
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        if len(devices) < 2:
            raise ValueError(
                f"training.distribution is {MIRRORED}, but {devices[0].name} is the only device:"
                f" set it to {NONE}"
            )
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if distribution == MULTI_WORKER:
        if "TF_CONFIG" not in os.environ:
            raise ValueError(
                f"training.distribution is {MULTI_WORKER}, but the environment has no TF_CONFIG,"
                " which names the workers"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return bool(
        resolver.task_type == "chief"
        or (
            resolver.task_type == "worker"
            and resolver.task_id == 0
            and "chief" not in resolver.cluster_spec().jobs
        )
    )


def require_even_parts(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Makes sure that each replica has as many rows of a batch as the others.

    Raises:
        ValueError: It has not.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            f"a batch of {batch_size} cannot be dealt out to {replicas} devices: choose another"
            " training.batch_size"
        )


def dealt_out(strategy: tf.distribute.Strategy, parts: tf.data.Dataset) -> Any:
    """A dataset that gives each replica, in each step, its part of the batch.

    Args:
        strategy: The strategy.
        parts: Parts of batches, as many to a batch as there are replicas.
    """
    if strategy.num_replicas_in_sync == 1:
        return parts
    return strategy.distribute_datasets_from_function(
        lambda worker: parts.shard(worker.num_input_pipelines, worker.input_pipeline_id)
    )


def on_one_device(
    strategy: tf.distribute.Strategy, model: tf.Module, build: Callable[[], tf.Module]
) -> tf.Module:
    """The model, or an equal one whose variables are not spread over replicas.

    Args:
        strategy: The strategy that it was trained by.
        model: The model.
        build: Makes a model of the same variables.
    """
    if strategy.num_replicas_in_sync == 1:
        return model
    copy = build()
    for variable, trained in zip(copy.variables, model.variables, strict=True):
        variable.assign(trained.numpy())
    return copy


def step_of(train_step: Callable[[Any], dict[str, tf.Tensor]]) -> Callable[[Any], Any]:
    """A step on all replicas; what it gives are sums over them.

    Args:
        train_step: A step on one replica.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return train_step

    def step(batches: Any) -> dict[str, tf.Tensor]:
        figures = strategy.run(train_step, args=(batches,))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in figures.items()
        }

    return step


def replica() -> tf.Tensor:
    """Number of the replica that asks, int64 scalar."""
    context = tf.distribute.get_replica_context()
    return tf.cast(context.replica_id_in_sync_group, tf.int64)
