"""ServedBaseline as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.baseline import executor


class ServedBaselineSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `ServedBaseline`."""

    PARAMETERS = {
        "base_directory": component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
    }
    OUTPUTS = {
        standard_component_specs.BASELINE_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model
        ),
    }


class ServedBaseline(base_component.BaseComponent):
    """Finds the model that a new one is compared with in the folder that it would be pushed to.

    It stands in for `components.resolver` in compiled pipelines. Kubeflow Pipelines runs no
    resolvers, and Vertex AI's query for the latest blessed model would find that of any pipeline of
    the project. What is served in this folder was blessed by this pipeline.

    It asks what is served now, which no cache key knows: the pipeline switches its caching off.

    Args:
        model: The candidate model.
        base_directory: Folder of the model's versions.
        code_version: Fingerprint of the code behind this component.

    Outputs `baseline_model`: a copy of the newest version that was trained on the same split, has
    the same interface and is not the candidate; or an artifact without a model.
    """

    SPEC_CLASS = ServedBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        base_directory: str | RuntimeParameter,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=ServedBaselineSpec(
                model=model,
                base_directory=base_directory,
                code_version=code_version,
                baseline_model=types.Channel(type=standard_artifacts.Model),
            )
        )
