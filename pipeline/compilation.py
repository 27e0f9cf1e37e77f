"""Compiles the pipeline into what a runner takes."""

from __future__ import annotations

from collections.abc import Collection

from tfx.dsl.compiler import constants
from tfx.dsl.compiler.compiler import Compiler
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2


def compile_pipeline(
    pipeline: Pipeline, never_cached: Collection[str], run: str
) -> pipeline_pb2.Pipeline:
    """The pipeline as TFX's intermediate representation.

    Args:
        pipeline: The pipeline.
        never_cached: Ids of components whose result depends on more than their inputs; TFX's own
            switch is one for the whole pipeline.
        run: Id of the run, which a runner would make up otherwise.
    """
    compiled = Compiler().compile(pipeline)
    for node in compiled.nodes:
        if node.pipeline_node.node_info.id in never_cached:
            node.pipeline_node.execution_options.caching_options.enable_cache = False
    runtime_parameter_utils.substitute_runtime_parameter(
        compiled, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run}
    )
    return compiled
