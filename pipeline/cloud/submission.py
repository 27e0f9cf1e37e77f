"""A compiled pipeline with the parameters of one run."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from pipeline.cloud.deployment import Target, check_source, check_uri
from pipeline.cloud.job import DATA_SOURCE, GATE, PUSH_DESTINATION, set_source_caching
from pipeline.config import config_from
from pipeline.failure import UsageError


def read_job(path: Path) -> dict[str, Any]:
    """The job in a file that `compile` wrote, for either target.

    Raises:
        UsageError: The file cannot be read, or holds something else.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is neither JSON nor YAML"
        raise UsageError(f"{path} cannot be read: {reason}.") from error
    if not isinstance(document, dict):
        document = {}
    job = document
    if "pipelineInfo" in document:  # a pipeline spec, as Kubeflow Pipelines takes it
        declared = document.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
        job = {
            "displayName": document["pipelineInfo"]["name"],
            "pipelineSpec": document,
            "runtimeConfig": {
                "gcsOutputDirectory": document.get("defaultPipelineRoot"),
                "parameterValues": {
                    name: parameter.get("defaultValue") for name, parameter in declared.items()
                },
            },
        }
    given = job.get("runtimeConfig", {}).get("parameterValues", {})
    if not {DATA_SOURCE, PUSH_DESTINATION, GATE} <= set(given):
        raise UsageError(f"{path} is not what `compile` writes.")
    return job


def with_parameters(
    job: dict[str, Any], assignments: Sequence[str], target: Target
) -> dict[str, Any]:
    """A copy of a job with other parameters.

    Args:
        job: The job.
        assignments: `NAME=VALUE`, each; `gate.BOUND=VALUE` replaces one bound of the gate.
        target: Where it is to run.

    Raises:
        UsageError: There is no such parameter, or its value does not fit.
    """
    job = copy.deepcopy(job)
    values = job["runtimeConfig"]["parameterValues"]
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--parameter {assignment!r} is not NAME=VALUE.")
        name, _, bound = name.partition(".")
        if name not in values or (bound and name != GATE):
            known = ", ".join([*values, f"{GATE}.BOUND"])
            raise UsageError(f"the pipeline has no parameter {name!r}; it has {known}.")
        values[name] = _gate(values[GATE], bound, value) if name == GATE else value
    check_source(values[DATA_SOURCE])
    check_uri(f"parameter {PUSH_DESTINATION}", values[PUSH_DESTINATION], target)
    set_source_caching(job)
    return job


def default_run_name(job: dict[str, Any]) -> str:
    """A name of a run that no run of an earlier second has."""
    now = datetime.now(timezone.utc)
    return f"{job['pipelineSpec']['pipelineInfo']['name']}-{now:%Y%m%d%H%M%S}"


def _gate(compiled: str, bound: str, text: str) -> str:
    bounds: dict[str, Any] = json.loads(compiled)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"parameter {GATE}: {text!r} is not JSON.") from error
    if bound:
        bounds[bound] = value
    elif isinstance(value, dict):
        bounds |= value
    else:
        raise UsageError(f"parameter {GATE}: {text!r} is not a JSON object.")
    config_from({"gate": bounds})
    return json.dumps(bounds)
