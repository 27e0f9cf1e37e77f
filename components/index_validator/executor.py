"""Runs the IndexValidator's checks in a fresh process, and blesses."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from components import files
from components.index_validator.checks import LOADS
from components.index_validator.loaded_model import Bounds
from components.provenance.recording import recorded

REASONS = "reasons"
# As Pusher and TFX's InfraValidator have it.
_BLESSED_PROPERTY = "blessed"
_FILES = {True: "INFRA_BLESSED", False: "INFRA_NOT_BLESSED"}
_CHECKS = "components.index_validator.checks"
_ROOT = Path(__file__).resolve().parents[2]


class Executor(base_executor.BaseExecutor):
    """Executor of `components.index_validator.component.IndexValidator`."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Records every check's result on the blessing, which blesses if all of them passed."""
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        blessing = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.INFRA_BLESSING_KEY]
        )
        bounds = Bounds(exec_properties["min_recall"], exec_properties["max_latency_ratio"])
        with _on_this_machine(path_utils.serving_model_dir(model.uri)) as folder:
            reasons = check_in_fresh_process(folder, bounds)
        passed = all(reason["passed"] for reason in reasons)
        io_utils.write_string_file(os.path.join(blessing.uri, _FILES[passed]), "")
        blessing.set_int_custom_property(_BLESSED_PROPERTY, int(passed))
        blessing.set_string_custom_property(REASONS, json.dumps(reasons))


@contextlib.contextmanager
def _on_this_machine(folder: str) -> Iterator[str]:
    """The folder, or a copy of one on an object store: servers load from their own disk as well."""
    if not files.is_remote(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as copy:
        files.copy_files(folder, files.list_files(folder), copy)
        yield copy


def check_in_fresh_process(folder: str, bounds: Bounds) -> list[dict[str, Any]]:
    """Results of the checks of a SavedModel: name, whether passed, and a sentence, of each.

    Args:
        folder: The SavedModel.
        bounds: What its index is held to.
    """
    result = subprocess.run(
        [sys.executable, "-m", _CHECKS, folder, json.dumps(dataclasses.asdict(bounds))],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    logging.info("The process of the checks wrote: %s", result.stderr)
    if result.returncode == 0:
        reasons: list[dict[str, Any]] = json.loads(result.stdout.splitlines()[-1])
        return reasons
    # A process that a model brings down is the worst of results, not an error of ours.
    last = (result.stderr.strip().splitlines() or ["nothing"])[-1]
    sentence = f"check {LOADS}: the process ended with code {result.returncode} and wrote: {last}"
    return [{"check": LOADS, "passed": False, "sentence": sentence}]
