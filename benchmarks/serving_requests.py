"""A whole request of the default preset beside a bare call of TFRS' BruteForce, in one process.

The model is exported as a run exports it, from generated data of a given catalogue, and both
SavedModels are loaded again. Its towers are not trained: no time depends on what weights are. The
bare call takes a raw user id too, as the notebook's does: a lookup, an embedding as wide as the
towers, BruteForce with titles for 100.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_EVENTS_PER_USER = 100
_EVENTS_PER_MOVIE = 3
_LEAST_EVENTS = 100_000
_K = 100
_USERS = 50


def prepare(folder: Path, movies: int) -> None:
    """Writes both SavedModels below `folder`."""
    from benchmarks import rates, synthetic

    events = max(_LEAST_EVENTS, _EVENTS_PER_MOVIE * movies)
    synthetic.write(folder / "data", synthetic.Size(events, events // _EVENTS_PER_USER, movies))
    rates.generate_examples(folder / "data", folder)
    rates.analyse(folder / "data", folder)
    users = _export(folder)
    (folder / "users.json").write_text(json.dumps(users[:: max(1, len(users) // _USERS)]))


def _export(folder: Path) -> list[str]:
    """Exports the model and the bare call; returns the users that both know."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_recommenders as tfrs
    import tensorflow_transform as tft
    import tf_keras

    from components.datasets.movielens import MOVIELENS
    from components.examples.artifacts import CANDIDATES_SPLIT
    from components.serving import export
    from components.serving.indexes.index import BruteForce
    from components.serving.query_events import QueryEvents
    from components.serving.scorers import TowerScorer
    from components.trainer.model import TwoTowerModel
    from components.transform import preprocessing, reading
    from pipeline import presets

    graph = str(folder / "graph")
    candidates = reading.load_candidates(
        str(folder / "candidates"), CANDIDATES_SPLIT, graph, MOVIELENS
    )
    split = reading.load_interactions(
        str(folder / "examples"), "train", graph, MOVIELENS, candidates, with_history=False
    )
    users = tft.TFTransformOutput(graph).vocabulary_by_name(preprocessing.QUERY_VOCABULARY)
    hyperparameters = presets.load(presets.DEFAULT, []).training
    counts = np.bincount(split.candidate, minlength=len(candidates))
    model = TwoTowerModel(
        len(users),
        counts,
        (counts + 1) / (counts + 1).sum(),
        candidates.features,
        preprocessing.query_feature_widths(),
        hyperparameters,
    )
    vectors = model.candidate_tower.catalogue().numpy()
    scorer = TowerScorer(model.query_tower, vectors, 1, hyperparameters.reads_time, ())
    export.save(
        BruteForce(scorer, len(candidates)),
        candidates,
        QueryEvents.in_train(split, len(users)),
        presets.load(presets.DEFAULT, []).split.history_length,
        graph,
        MOVIELENS,
        str(folder / "model"),
    )
    bare = tfrs.layers.factorized_top_k.BruteForce(
        tf_keras.Sequential(
            [
                tf_keras.layers.StringLookup(vocabulary=users, mask_token=None),
                tf_keras.layers.Embedding(len(users) + 1, vectors.shape[1]),
            ]
        ),
        k=_K,
    )
    bare.index(tf.constant(vectors), tf.constant(candidates.titles))
    bare(tf.constant(["1"]))
    tf.saved_model.save(bare, str(folder / "bare"))
    return [user.decode() for user in users]


def compare(folder: Path, calls: int) -> dict[str, Any]:
    """Milliseconds of alternating calls of one user each, by what was called."""
    import tensorflow as tf

    from benchmarks.alternating import milliseconds

    model = tf.saved_model.load(str(folder / "model"))
    bare = tf.saved_model.load(str(folder / "bare"))
    users = [tf.constant([user]) for user in json.loads((folder / "users.json").read_text())]
    serve, signature = model.signatures["serving_default"], bare.signatures["serving_default"]
    [name] = signature.structured_input_signature[1]
    return milliseconds(
        {
            "serving_default": lambda call: serve(user_id=users[call % len(users)]),
            "BruteForce, called as in the notebook": lambda call: bare(users[call % len(users)]),
            "BruteForce, by its signature": lambda call: signature(
                **{name: users[call % len(users)]}
            ),
        },
        calls,
    )


if __name__ == "__main__":
    _, step, where, number = sys.argv
    if step == "prepare":
        prepare(Path(where), int(number))
        print(json.dumps({}))
    else:
        print(json.dumps(compare(Path(where), int(number))))
