"""Verdict as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.verdict import executor


class VerdictSpec(types.ComponentSpec):
    """Inputs of `Verdict`."""

    PARAMETERS: dict[str, component_spec.ExecutionParameter] = {}
    INPUTS = {
        standard_component_specs.MODEL_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
        standard_component_specs.INFRA_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing
        ),
        standard_component_specs.PUSHED_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.PushedModel
        ),
    }
    OUTPUTS: dict[str, component_spec.ChannelParameter] = {}


class Verdict(base_component.BaseComponent):
    """Fails, with the reasons, if the model was not pushed because it was not blessed.

    A run on a cloud ends by its tasks' states and nothing else: this shows there what
    `runner.py run` says by its exit code, also in a schedule's history.

    Args:
        model_blessing: The Evaluator's verdict.
        infra_blessing: The IndexValidator's verdict.
        pushed_model: What the Pusher did about them.
    """

    SPEC_CLASS = VerdictSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        pushed_model: types.BaseChannel,
    ) -> None:
        super().__init__(
            spec=VerdictSpec(
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                pushed_model=pushed_model,
            )
        )
