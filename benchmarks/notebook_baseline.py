"""The yardstick: the steps of TensorFlow Recommenders' basic retrieval notebook, as a script.

Command: python -m benchmarks.notebook_baseline --data FOLDER_OF_ML_100K

It measures wall and CPU seconds of each step, from the start of the process, and the top-100
accuracy on the held-out 20,000 ratings, and prints one JSON line. State the processor, the number
of cores and that nothing else ran on them.

The steps, their order and their numbers are the notebook's; the code was written anew. Ratings come
from the raw files, where the notebook waits for TensorFlow Datasets: that favours the yardstick.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_recommenders as tfrs

from benchmarks.stopwatch import Stopwatch, since_process_start
from components.datasets.layouts import open_dataset

_SEED = 42
_TRAIN_ROWS = 80_000
_EVAL_ROWS = 20_000
_SHUFFLE_BUFFER = 100_000
_DIMENSION = 32
_EPOCHS = 3
_QUERY = "42"


class NotebookModel(tfrs.Model):
    """Two embedding towers under the in-batch softmax of `tfrs.tasks.Retrieval`."""

    def __init__(self, users: tf.keras.Model, movies: tf.keras.Model, titles: Any) -> None:
        super().__init__()
        self.users = users
        self.movies = movies
        self.task = tfrs.tasks.Retrieval(
            metrics=tfrs.metrics.FactorizedTopK(candidates=titles.batch(128).map(movies))
        )

    def compute_loss(self, features: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The loss of a batch; the metrics are updated in training too, as in the notebook."""
        return self.task(self.users(features["user"]), self.movies(features["title"]))


def read(folder: Path) -> tuple[Any, Any]:
    """Ratings (`user` and `title`, strings) and the title of each row of the catalogue."""
    raw = open_dataset(str(folder))
    definition = raw.definition
    candidates, queries = raw.read_candidates(), raw.read_queries()
    blocks = [raw.read_events(block, candidates, queries) for block in raw.event_blocks()]
    titles = candidates.column(definition.candidate_title).combine_chunks()
    ids = candidates.column(definition.candidate_id).combine_chunks()
    users, rated = [], []
    for events in blocks:
        users.append(_column(events, definition.query_id).to_numpy(zero_copy_only=False))
        rows = pc.index_in(_column(events, definition.candidate_id), value_set=ids)
        rated.append(titles.take(rows).to_numpy(zero_copy_only=False))
    ratings = {"user": _text(np.concatenate(users)), "title": _text(np.concatenate(rated))}
    catalogue = _text(titles.to_numpy(zero_copy_only=False))
    return (
        tf.data.Dataset.from_tensor_slices(ratings),
        tf.data.Dataset.from_tensor_slices(catalogue),
    )


def unique(batches: Any) -> np.ndarray:
    """The distinct strings of a dataset of batches."""
    return np.unique(np.concatenate([batch.numpy() for batch in batches]))


def tower(vocabulary: np.ndarray) -> tf.keras.Model:
    """Strings to embeddings, with one more row for unknown strings."""
    return tf.keras.Sequential(
        [
            tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None),
            tf.keras.layers.Embedding(len(vocabulary) + 1, _DIMENSION),
        ]
    )


def run(folder: Path, watch: Stopwatch) -> dict[str, Any]:
    """Does the notebook's steps and returns what they found."""
    with watch.step("read"):
        ratings, titles = read(folder)
    with watch.step("split"):
        tf.random.set_seed(_SEED)
        shuffled = ratings.shuffle(_SHUFFLE_BUFFER, seed=_SEED, reshuffle_each_iteration=False)
        train = shuffled.take(_TRAIN_ROWS)
        test = shuffled.skip(_TRAIN_ROWS).take(_EVAL_ROWS)
    with watch.step("vocabularies"):
        movie_names = unique(titles.batch(1_000))
        user_names = unique(ratings.batch(1_000_000).map(lambda row: row["user"]))
    with watch.step("model"):
        model = NotebookModel(tower(user_names), tower(movie_names), titles)
        model.compile(optimizer=tf.keras.optimizers.Adagrad(learning_rate=0.1))
    with watch.step("fit"):
        cached = train.shuffle(_SHUFFLE_BUFFER).batch(8_192).cache()
        model.fit(cached, epochs=_EPOCHS, verbose=0)
    with watch.step("evaluate"):
        measured = model.evaluate(test.batch(4_096).cache(), return_dict=True, verbose=0)
    with watch.step("index"):
        index = tfrs.layers.factorized_top_k.BruteForce(model.users)
        index.index_from_dataset(
            tf.data.Dataset.zip((titles.batch(100), titles.batch(100).map(model.movies)))
        )
        _, expected = index(tf.constant([_QUERY]))
    with tempfile.TemporaryDirectory() as parent:
        path = str(Path(parent) / "model")
        with watch.step("export"):
            tf.saved_model.save(index, path)
        with watch.step("reload_and_query"):
            _, found = tf.saved_model.load(path)([_QUERY])
    if not np.array_equal(found.numpy(), expected.numpy()):
        raise RuntimeError("the reloaded index answers otherwise than the one that was saved")
    return {
        "top_100_accuracy": float(measured["factorized_top_k/top_100_categorical_accuracy"]),
        "first_title": found.numpy()[0, 0].decode(),
    }


def _column(events: Any, name: str) -> Any:
    return events.column(events.schema.get_field_index(name))


def _text(values: np.ndarray) -> np.ndarray:
    return np.char.encode(values.astype(str), "utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run the basic retrieval notebook's steps.")
    parser.add_argument("--data", type=Path, required=True, help="folder of ml-100k")
    options = parser.parse_args()
    watch = Stopwatch()
    watch.steps["import"] = since_process_start()
    found = run(options.data, watch)
    whole = since_process_start()
    steps = {
        name: {"wall": round(taken.wall, 2), "cpu": round(taken.cpu, 2)}
        for name, taken in watch.steps.items()
    }
    total = {"wall": round(whole.wall, 2), "cpu": round(whole.cpu, 2)}
    print(json.dumps({**found, "total": total, "steps": steps}, ensure_ascii=False))


if __name__ == "__main__":
    main()
