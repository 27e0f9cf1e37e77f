"""Compiles the pipeline into the pipeline spec of Kubeflow Pipelines, which Vertex AI takes too.

The format is `ml_pipelines.PipelineJob` of the package kfp-pipeline-spec, schema version 2.1.0.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)

from pipeline.cloud.dag import create_cloud_pipeline, parameter_defaults
from pipeline.cloud.deployment import Deployment, Resources, check_source
from pipeline.cloud.job import NEVER_CACHED, VERDICT, set_source_caching
from pipeline.config import Config
from pipeline.failure import UsageError

_BACKOFF = "60s"


def compile_job(config: Config, deployment: Deployment, tune: bool) -> dict[str, Any]:
    """The pipeline job, as a JSON object.

    Args:
        config: What the pipeline is told.
        deployment: Where it runs.
        tune: Whether a Tuner comes before the Trainer.

    Raises:
        UsageError: The configuration cannot be compiled, or names a component that there is not.
    """
    check_source(config.data.source)
    pipeline = create_cloud_pipeline(config, deployment, tune)
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(default_image=deployment.image, use_pipeline_spec_2_1=True)
    )
    defaults = parameter_defaults(config, deployment)
    job: dict[str, Any] = runner.run(pipeline, parameter_values=defaults, write_out=False)
    spec = job["pipelineSpec"]
    spec["defaultPipelineRoot"] = deployment.pipeline_root
    for name, value in defaults.items():
        spec["root"]["inputDefinitions"]["parameters"][name]["defaultValue"] = value
    for name, task in spec["root"]["dag"]["tasks"].items():
        enable_cache = deployment.cache and name not in NEVER_CACHED
        # Left out, it would be the platform's choice.
        task["cachingOptions"] = {"enableCache": enable_cache}
        if deployment.retries and name != VERDICT:
            task["retryPolicy"] = {
                "maxRetryCount": deployment.retries,
                "backoffDuration": _BACKOFF,
                "backoffFactor": 2.0,
            }
    set_source_caching(job)
    _give_resources(spec, deployment)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    return job


def _give_resources(spec: dict[str, Any], deployment: Deployment) -> None:
    tasks = spec["root"]["dag"]["tasks"]
    unknown = sorted(set(deployment.resources) - set(tasks))
    if unknown:
        raise UsageError(f"there is no component {unknown[0]}; there are {', '.join(tasks)}.")
    for name in tasks:
        own = deployment.resources.get(name, Resources())
        default = deployment.default_resources
        given: dict[str, Any] = {
            "cpuLimit": own.cpu or default.cpu,
            "memoryLimit": own.memory or default.memory,
            "accelerator": {"type": own.gpu, "count": str(own.gpus)} if own.gpu else None,
        }
        label = spec["components"][name]["executorLabel"]
        requested = {key: value for key, value in given.items() if value is not None}
        if requested:
            spec["deploymentSpec"]["executors"][label]["container"]["resources"] = requested
