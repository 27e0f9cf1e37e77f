"""What a SavedModel says about itself, and the checksums of its files, in `assets.extra/`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any

import tensorflow as tf

from components.serving.indexes.options import BRUTE_FORCE
from components.serving.interface import MANIFEST

# To be raised when a field changes its meaning.
SCHEMA_VERSION = 1
# Where a SavedModel may hold what TensorFlow itself does not read.
EXTRAS = "assets.extra"


class ManifestError(Exception):
    """A SavedModel has no manifest that can be read; the message is one sentence."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The manifest of a SavedModel.

    Attributes:
        interface_version: `components.serving.interface.INTERFACE_VERSION` at its export.
        catalogue_size: How many candidates it can serve.
        query_id: Input that takes the raw id of a query.
        candidate_id: Output with the id of a candidate.
        candidate_title: Output with its title.
        trained_at: End of its training, ISO 8601, UTC.
        metrics: What it reached on the valid split, at export.
        preset: Preset of the run; `custom` where a component was run by itself.
        versions: Versions of the packages that made it, by name.
        signatures: Names of the inputs and outputs of each signature.
        files: SHA-256, hexadecimal, of each file but the manifest itself, by relative path.
        index: What finds the candidates, see `indexes.choice.Choice.described`; and the kind and
            the recall that were asked for. A manifest without it is of a model that ranks all.
        seen_table: Whether it knows the train events of its queries, and the features it reads.
        split: How the events were split that it was trained on, as JSON; empty in a model of an
            earlier release.
        schema_version: `SCHEMA_VERSION` when it was written.
    """

    interface_version: int
    catalogue_size: int
    query_id: str
    candidate_id: str
    candidate_title: str
    trained_at: str
    metrics: dict[str, float]
    preset: str
    versions: dict[str, str]
    signatures: dict[str, dict[str, list[str]]]
    files: dict[str, str]
    index: dict[str, Any] = dataclasses.field(default_factory=lambda: {"kind": BRUTE_FORCE})
    seen_table: bool = True
    split: str = ""
    schema_version: int = SCHEMA_VERSION

    def write(self, folder: str) -> None:
        """Writes it into the folder of its SavedModel."""
        with tf.io.gfile.GFile(os.path.join(folder, MANIFEST), "w") as stream:
            stream.write(json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True))

    @staticmethod
    def exists(folder: str) -> bool:
        """Whether a SavedModel has a manifest."""
        return bool(tf.io.gfile.exists(os.path.join(folder, MANIFEST)))

    @classmethod
    def read(cls, folder: str) -> Manifest:
        """Reads the manifest of a SavedModel.

        Raises:
            ManifestError: There is none, or it is of another schema version.
        """
        path = os.path.join(folder, MANIFEST)
        if not cls.exists(folder):
            raise ManifestError(f"{path} does not exist")
        with tf.io.gfile.GFile(path) as stream:
            text = stream.read()
        try:
            values: dict[str, Any] = json.loads(text)
            manifest = cls(**values)
        except (TypeError, ValueError) as error:
            raise ManifestError(f"{path} cannot be read as a manifest: {error}") from error
        if manifest.schema_version != SCHEMA_VERSION:
            raise ManifestError(
                f"{path} has schema version {manifest.schema_version}, not {SCHEMA_VERSION}"
            )
        return manifest


def signatures_of(model: Any) -> dict[str, dict[str, list[str]]]:
    """Names of the inputs and outputs of each signature of a loaded SavedModel."""
    return {
        name: {
            "inputs": sorted(signature.structured_input_signature[1]),
            "outputs": sorted(signature.structured_outputs),
        }
        for name, signature in model.signatures.items()
    }


def checksums(folder: str) -> dict[str, str]:
    """SHA-256, hexadecimal, of each file of a SavedModel but its manifest, by relative path."""
    found = {}
    for parent, _, names in tf.io.gfile.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, folder)
            if relative != MANIFEST:
                with tf.io.gfile.GFile(path, "rb") as stream:
                    found[relative] = hashlib.sha256(stream.read()).hexdigest()
    return dict(sorted(found.items()))
