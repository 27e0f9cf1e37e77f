"""Names in a compiled job, and what follows from its parameters; loads without TFX."""

from __future__ import annotations

from typing import Any

from pipeline.cloud.deployment import is_pinned

# Parameters of a run; their defaults are compiled in.
DATA_SOURCE = "data_source"
PUSH_DESTINATION = "push_destination"
GATE = "gate"

EXAMPLE_GEN = "ExampleGen"
EVALUATOR = "Evaluator"
INDEX_VALIDATOR = "IndexValidator"
PUSHER = "Pusher"
VERDICT = "Verdict"
# What these do depends on more than their inputs.
NEVER_CACHED = ("BaselineModel", PUSHER, VERDICT)


def set_source_caching(job: dict[str, Any]) -> None:
    """Switches the cache of ExampleGen off where the data may change under the same name.

    Args:
        job: The job, whose parameters say where the data are.
    """
    task = job["pipelineSpec"]["root"]["dag"]["tasks"][EXAMPLE_GEN]
    if not is_pinned(job["runtimeConfig"]["parameterValues"][DATA_SOURCE]):
        task["cachingOptions"] = {"enableCache": False}
