"""Finds the newest comparable version that is served."""

from __future__ import annotations

import os
from typing import Any

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from components.examples.artifacts import INTERFACE, SPLIT
from components.provenance.recording import describe
from components.pusher.version_folder import versions
from components.serving.manifest import Manifest, ManifestError

VERSION = "version"


class Executor(base_executor.BaseExecutor):
    """Executor of `components.baseline.component.ServedBaseline`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the baseline, if there is one, so that it outlives its version."""
        self._log_startup(input_dict, output_dict, exec_properties)
        candidate = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.MODEL_KEY]
        )
        baseline = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.BASELINE_MODEL_KEY]
        )
        base = exec_properties["base_directory"]
        found = latest_other(base, Manifest.read(path_utils.serving_model_dir(candidate.uri)))
        if found is None:
            logging.info("No version in %s can be compared with the candidate.", base)
            return
        version, manifest = found
        logging.info("The baseline is version %d of %s.", version, base)
        io_utils.copy_dir(
            os.path.join(base, str(version)), path_utils.serving_model_dir(baseline.uri)
        )
        baseline.set_int_custom_property(VERSION, version)
        baseline.set_int_custom_property(INTERFACE, manifest.interface_version)
        baseline.set_string_custom_property(SPLIT, manifest.split)
        describe([baseline])


def latest_other(base: str, candidate: Manifest) -> tuple[int, Manifest] | None:
    """The newest version of `base` that is like a candidate but not the candidate itself.

    Args:
        base: Folder of the model's versions, which need not exist.
        candidate: Manifest of the candidate.

    Returns:
        The version and its manifest; None where there is no such version.
    """
    for version in reversed(versions(base)):
        folder = os.path.join(base, str(version))
        try:
            manifest = Manifest.read(folder)
        except ManifestError as error:
            logging.info("Version %d cannot be compared with the candidate: %s.", version, error)
            continue
        if _kind(manifest) == _kind(candidate) and manifest.files != candidate.files:
            return version, manifest
    return None


def _kind(manifest: Manifest) -> tuple[str, int]:
    return manifest.split, manifest.interface_version
