"""ExampleGen as a TFX component."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts

from components.example_gen import executor
from components.example_gen.splits import SplitSpec
from components.examples.artifacts import CANDIDATES


class RetrievalExampleGenSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of `RetrievalExampleGen`."""

    PARAMETERS = {
        "source": component_spec.ExecutionParameter(type=str),
        "source_sha256": component_spec.ExecutionParameter(type=str),
        "cache": component_spec.ExecutionParameter(type=str),
        "split": component_spec.ExecutionParameter(type=str),
        "code_version": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {
        executor.EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class RetrievalExampleGen(base_beam_component.BaseBeamComponent):
    """Reads raw events, queries and candidates; writes split Examples and the catalogue.

    Args:
        source: Dataset name or path, as `components.datasets.sources.resolve_source` takes it.
        source_sha256: Fingerprint of the raw files: data that changes under the same path must
            not be answered from the cache. Empty where it cannot be known before the run.
        cache: Folder for downloaded archives.
        split: How events are split into train, valid and eval.
        code_version: Fingerprint of the code behind this component, part of its cache key.

    Outputs `examples` (interactions with the features of both sides, splits train, valid, eval) and
    `candidates` (the whole catalogue, one row per candidate, split train).
    """

    SPEC_CLASS = RetrievalExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        source: str | RuntimeParameter,
        source_sha256: str,
        cache: str,
        split: SplitSpec,
        code_version: str,
    ) -> None:
        super().__init__(
            spec=RetrievalExampleGenSpec(
                source=source,
                source_sha256=source_sha256,
                cache=cache,
                split=split.to_json(),
                code_version=code_version,
                examples=types.Channel(type=standard_artifacts.Examples),
                candidates=types.Channel(type=standard_artifacts.Examples),
            )
        )
