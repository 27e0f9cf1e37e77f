"""Runs the Pusher: atomic, never twice the same model, never an unblessed one."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import time
from typing import Any

from absl import logging
from tfx.components.pusher import executor as tfx_executor
from tfx.types import artifact_utils, standard_component_specs

OUTCOME = "outcome"
PUSHED = "pushed"
UNCHANGED = "unchanged"
NOT_BLESSED = "not_blessed"


class Executor(tfx_executor.Executor):
    """Executor of `components.pusher.component.ServingPusher`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies a blessed model to `<base_directory>/<version>/` unless it is the current one."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed_model = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        os.makedirs(pushed_model.uri, exist_ok=True)
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            pushed_model.set_string_custom_property(OUTCOME, NOT_BLESSED)
            return
        base = exec_properties["base_directory"]
        model = self.GetModelPath(input_dict)
        current = current_version(base)
        if current is not None and same_tree(model, os.path.join(base, str(current))):
            version, outcome = current, UNCHANGED
        else:
            version, outcome = push(model, base), PUSHED
        destination = os.path.join(base, str(version))
        logging.info("Model %s is %s as %s.", model, outcome, destination)
        self._MarkPushed(pushed_model, pushed_destination=destination, pushed_version=str(version))
        pushed_model.set_string_custom_property(OUTCOME, outcome)


def current_version(base: str) -> int | None:
    """The version that servers of `base` use: the highest number, or None if there is none."""
    if not os.path.isdir(base):
        return None
    versions = [int(name) for name in os.listdir(base) if re.fullmatch(r"[0-9]+", name)]
    return max(versions, default=None)


def push(model: str, base: str) -> int:
    """Copies `model` to a new version folder of `base` and returns the version.

    The version is the time in seconds, or the one after the current where that is not higher. The
    folder appears under its number only when it is complete: servers that poll see all or nothing.
    """
    os.makedirs(base, exist_ok=True)
    version = max(int(time.time()), (current_version(base) or 0) + 1)
    unfinished = os.path.join(base, f".{version}.incomplete")
    for name in os.listdir(base):
        if name.endswith(".incomplete"):
            shutil.rmtree(os.path.join(base, name))
    shutil.copytree(model, unfinished)
    os.rename(unfinished, os.path.join(base, str(version)))
    return version


def same_tree(one: str, other: str) -> bool:
    """Whether two folders hold the same files with the same contents."""
    files = _files(one)
    if files != _files(other):
        return False
    return all(
        filecmp.cmp(os.path.join(one, name), os.path.join(other, name), shallow=False)
        for name in files
    )


def _files(folder: str) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(root, name), folder)
        for root, _, names in os.walk(folder)
        for name in names
    )
