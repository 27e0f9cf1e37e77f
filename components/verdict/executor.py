"""Fails if the model was not blessed."""

from __future__ import annotations

import json
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs

from components.pusher.pushed_model import OUTCOME, OUTCOME_NOT_BLESSED

_REASONS = "reasons"


class NotBlessedError(Exception):
    """The model was not blessed; the message says why."""


class Executor(base_executor.BaseExecutor):
    """Executor of `components.verdict.component.Verdict`."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Raises if the Pusher found the model not blessed.

        Raises:
            NotBlessedError: It did.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if pushed.get_string_custom_property(OUTCOME) != OUTCOME_NOT_BLESSED:
            return
        reasons = [
            reason["sentence"]
            for key in (
                standard_component_specs.MODEL_BLESSING_KEY,
                standard_component_specs.INFRA_BLESSING_KEY,
            )
            for reason in json.loads(
                artifact_utils.get_single_instance(input_dict[key]).get_string_custom_property(
                    _REASONS
                )
            )
            if not reason["passed"]
        ]
        raise NotBlessedError(f"The model was not blessed, and not pushed: {'; '.join(reasons)}.")
