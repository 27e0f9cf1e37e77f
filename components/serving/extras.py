"""What is written beside a SavedModel: golden queries, warm-up requests and the manifest."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.examples.artifacts import SPLIT
from components.serving import golden, warm_up
from components.serving.asking import input_types
from components.serving.golden import GoldenQuery
from components.serving.indexes.options import BRUTE_FORCE
from components.serving.interface import INTERFACE_VERSION, MODEL_NAME, SERVING_SIGNATURE
from components.serving.manifest import EXTRAS, Manifest, checksums
from components.serving.train_data import TrainData
from components.transform import preprocessing

_KNOWN_QUERIES = 4
# An approximate index is measured by them.
_KNOWN_QUERIES_OF_RECALL = 100
_TITLES = 3
_PACKAGES = ("tensorflow", "tensorflow-recommenders", "tensorflow-transform", "tfx", "tf-keras")


def write(
    folder: str,
    signatures: Mapping[str, tf.types.experimental.PolymorphicFunction],
    data: TrainData,
    metrics: Mapping[str, float],
    index: Mapping[str, Any],
    seen_table: bool,
    preset: str,
) -> None:
    """Writes all of it.

    Args:
        folder: The SavedModel.
        signatures: The functions that it has, by signature name.
        data: What it was trained on.
        metrics: What it reached on the valid split.
        index: What its index is.
        seen_table: Whether it knows the events of its queries, and the features it reads.
        preset: Preset of the run.
    """
    tf.io.gfile.makedirs(f"{folder}/{EXTRAS}")
    definition = data.definition
    popular = np.argsort(-np.bincount(data.train_split.candidate), kind="stable")[:_TITLES]
    wanted = _KNOWN_QUERIES if index["kind"] == BRUTE_FORCE else _KNOWN_QUERIES_OF_RECALL
    queries = [*_known_queries(data.transform_graph, wanted), "a query that nobody knows"]
    answered = golden.answered(
        signatures,
        definition.query_id,
        queries,
        definition.candidate_id,
        [data.candidates.keys[place].decode() for place in popular],
        int(data.train_split.time.max()),
    )
    golden.write(answered, folder)
    default = GoldenQuery(SERVING_SIGNATURE, {definition.query_id: queries[:1]}, {})
    types = {name: input_types(function) for name, function in signatures.items()}
    warm_up.write([default, *answered], types, MODEL_NAME, folder)
    Manifest(
        interface_version=INTERFACE_VERSION,
        catalogue_size=len(data.candidates),
        query_id=definition.query_id,
        candidate_id=definition.candidate_id,
        candidate_title=definition.candidate_title,
        trained_at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        metrics=dict(metrics),
        index=dict(index),
        seen_table=seen_table,
        preset=preset,
        versions={package: metadata.version(package) for package in _PACKAGES},
        signatures={
            name: {
                "inputs": sorted(types[name]),
                "outputs": sorted(function.get_concrete_function().structured_outputs),
            }
            for name, function in signatures.items()
        },
        files=checksums(folder),
        split=data.examples.get_string_custom_property(SPLIT),
    ).write(folder)


def _known_queries(transform_graph: str, wanted: int) -> list[str]:
    """Some raw ids of the query vocabulary that are text, active and less active ones."""
    vocabulary = tft.TFTransformOutput(transform_graph).vocabulary_by_name(
        preprocessing.QUERY_VOCABULARY
    )
    found = []
    for query in vocabulary[:: max(1, len(vocabulary) // wanted)]:
        try:
            found.append(query.decode())
        except UnicodeDecodeError:
            continue  # JSON has no such text
    return found[:wanted]
