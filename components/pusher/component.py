"""Pusher as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.pusher import executor
from components.pusher.pushed_model import CONFIG


class ServingPusherSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `ServingPusher`."""

    PARAMETERS = {
        "base_directory": component_spec.ExecutionParameter(type=str),
        CONFIG: component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
        standard_component_specs.MODEL_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
        standard_component_specs.INFRA_BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing
        ),
    }
    OUTPUTS = {
        standard_component_specs.PUSHED_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.PushedModel
        ),
    }


class ServingPusher(base_component.BaseComponent):
    """Pushes a blessed model in TensorFlow Serving's layout.

    It asks what is served now, which no cache key knows: it must run each time, so the pipeline
    switches its caching off.

    Args:
        model: The candidate model.
        model_blessing: The Evaluator's verdict on it.
        infra_blessing: The IndexValidator's verdict on it.
        base_directory: Folder of the model's versions.
        config: What the run was told, as JSON; recorded on the pushed model. Here it costs no other
            component its cache.
        code_version: Fingerprint of the code behind this component.
    """

    SPEC_CLASS = ServingPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        base_directory: str | RuntimeParameter,
        config: str,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=ServingPusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                base_directory=base_directory,
                config=config,
                code_version=code_version,
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            )
        )
