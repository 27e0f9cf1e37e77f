"""Runs the Pusher: atomic, never twice the same model, never an unblessed one."""

from __future__ import annotations

import os
from typing import Any

from absl import logging
from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from components.provenance.recording import recorded
from components.pusher.pushed_model import (
    CONFIG,
    OUTCOME,
    OUTCOME_NOT_BLESSED,
    OUTCOME_PUSHED,
    OUTCOME_UNCHANGED,
    TREE_SHA256,
)
from components.pusher.version_folder import current_version, push, same_tree, tree_sha256

_BLESSINGS = (
    standard_component_specs.MODEL_BLESSING_KEY,
    standard_component_specs.INFRA_BLESSING_KEY,
)


class Executor(tfx_executor.Executor):
    """Executor of `components.pusher.component.ServingPusher`."""

    @recorded
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
        fileio.makedirs(pushed_model.uri)
        pushed_model.set_string_custom_property(CONFIG, exec_properties[CONFIG])
        # TFX's Pusher asks only for those blessings that it is given.
        is_judged = all(input_dict.get(name) for name in _BLESSINGS)
        if not is_judged or not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            pushed_model.set_string_custom_property(OUTCOME, OUTCOME_NOT_BLESSED)
            return
        base = exec_properties["base_directory"]
        model = self.GetModelPath(input_dict)
        current = current_version(base)
        if current is not None and same_tree(model, os.path.join(base, str(current))):
            version, outcome = current, OUTCOME_UNCHANGED
        else:
            version, outcome = push(model, base), OUTCOME_PUSHED
        destination = os.path.join(base, str(version))
        logging.info("Model %s is %s as %s.", model, outcome, destination)
        self._MarkPushed(pushed_model, pushed_destination=destination, pushed_version=str(version))
        pushed_model.set_string_custom_property(OUTCOME, outcome)
        # Of the model, not of the copy, which may be damaged.
        pushed_model.set_string_custom_property(TREE_SHA256, tree_sha256(model))
