"""Learns vectors of candidates and requests to measure an index on, in a process of its own.

Both kinds are learnt from the same interactions (`benchmarks.interactions`): `als` by the peer's
library, `two_tower` by the in-batch softmax of TFRS, as the Trainer does it. Prints one JSON line.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks import interactions
from benchmarks.interactions import Interactions

_WIDTH = 64
_REQUESTS = 2_048
_SEED = 42
_ROUNDS = 5
_BATCH = 512
_LEARNING_RATE = 0.5
_QUERY_DROPOUT = 0.5


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """What is to be indexed, and asked.

    Attributes:
        candidates: Vectors of candidates [N, W], float32.
        requests: Vectors of requests [Q, W], float32, of whom nothing is known first.
        biases: How many of the last coordinates are biases.
    """

    candidates: np.ndarray
    requests: np.ndarray
    biases: int

    def write(self, folder: Path) -> None:
        """Writes them for `read`."""
        for field in dataclasses.fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def read(cls, folder: Path) -> Embeddings:
        """What `write` wrote."""
        candidates, requests, biases = (
            np.load(folder / f"{field.name}.npy") for field in dataclasses.fields(cls)
        )
        return cls(candidates, requests, int(biases))


def als(events: Interactions) -> Embeddings:
    """Factors of 5 rounds of alternating least squares; the mean user for whom nothing is known."""
    import scipy.sparse
    import threadpoolctl
    from implicit.als import AlternatingLeastSquares

    rows = np.repeat(np.arange(events.users), events.candidate.shape[1])
    ones = np.ones(rows.size, np.float32)
    matrix = scipy.sparse.csr_matrix(
        (ones, (rows, events.candidate.ravel())), (events.users, events.candidates)
    )
    model = AlternatingLeastSquares(factors=_WIDTH, iterations=_ROUNDS, random_state=_SEED)
    # Threads of its own and those of BLAS are in each other's way.
    with threadpoolctl.threadpool_limits(1, "blas"):
        model.fit(matrix, show_progress=False)
    factors = np.asarray(model.user_factors)
    requests = factors[_some(events.users)]
    requests[0] = factors.mean(axis=0)
    return Embeddings(np.asarray(model.item_factors), requests, biases=0)


def two_tower(events: Interactions) -> Embeddings:
    """A vector per user and candidate, and a bias per candidate, which is all for the unknown."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs
    import tf_keras

    random = np.random.default_rng(_SEED)
    tf.random.set_seed(_SEED)

    def factors(rows: int) -> tf.Variable:
        return tf.Variable(0.05 * random.standard_normal([rows, _WIDTH - 1], np.float32))

    users, candidates = factors(events.users), factors(events.candidates)
    biases = tf.Variable(tf.zeros([events.candidates, 1]))
    counts = np.bincount(events.candidate.ravel(), minlength=events.candidates)
    probability = tf.constant(counts / counts.sum(), tf.float32)
    task = tfrs.tasks.Retrieval()
    optimizer = tf_keras.optimizers.legacy.Adagrad(_LEARNING_RATE)

    @tf.function
    def step(user: tf.Tensor, candidate: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            asked = tf.nn.dropout(tf.gather(users, user), _QUERY_DROPOUT)
            liked = [tf.gather(candidates, candidate), tf.gather(biases, candidate)]
            loss = task(
                tf.concat([asked, tf.ones([_BATCH, 1])], axis=1),
                tf.concat(liked, axis=1),
                candidate_sampling_probability=tf.gather(probability, candidate),
            )
        trained = [users, candidates, biases]
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))

    user = np.repeat(np.arange(events.users), events.candidate.shape[1])
    order = random.permutation(len(user))
    for start in range(0, len(order) - _BATCH + 1, _BATCH):
        some = order[start : start + _BATCH]
        step(tf.constant(user[some]), tf.constant(events.candidate.ravel()[some]))
    requests = np.pad(users.numpy()[_some(events.users)], [(0, 0), (0, 1)], constant_values=1)
    requests[0, :-1] = 0
    return Embeddings(np.concatenate([candidates, biases], axis=1), requests, biases=1)


def _some(users: int) -> np.ndarray:
    """Users who ask [Q]."""
    return np.random.default_rng(_SEED).choice(users, _REQUESTS, replace=False)


KINDS = {"als": als, "two_tower": two_tower}


if __name__ == "__main__":
    _, which, size, where = sys.argv
    learnt = KINDS[which](interactions.draw(int(size)))
    learnt.write(Path(where))
    print(json.dumps({"candidates": learnt.candidates.shape, "requests": learnt.requests.shape}))
