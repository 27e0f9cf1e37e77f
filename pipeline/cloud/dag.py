"""The pipeline as a cloud runs it: `pipeline.dag`, with what only one machine has replaced.

The baseline comes from the folder of pushed versions, not from the metadata store, and a last
task fails if the model was not blessed.
"""

from __future__ import annotations

from pathlib import Path

from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline

from components.baseline.component import ServedBaseline
from components.verdict.component import Verdict
from pipeline.beam_engines import beam_arguments
from pipeline.cloud.deployment import Deployment
from pipeline.cloud.job import DATA_SOURCE, GATE, PUSH_DESTINATION, VERDICT
from pipeline.code_version import source_fingerprint
from pipeline.config import Config
from pipeline.nodes import (
    data_nodes,
    evaluator_node,
    gate_bounds,
    index_validator_node,
    peer_nodes,
    pusher_node,
    trainer_node,
    tuner_node,
)

# Containers have no folder that outlives them; this one any user can make.
_CONTAINER_CACHE = Path("/tmp/tfx-tfrs-retrieval")


def parameter_defaults(config: Config, deployment: Deployment) -> dict[str, str]:
    """The parameters of a run by name, as they are unless the run is given others."""
    return {
        DATA_SOURCE: config.data.source,
        PUSH_DESTINATION: deployment.push_destination,
        GATE: gate_bounds(config).to_json(),
    }


def create_cloud_pipeline(config: Config, deployment: Deployment, tune: bool) -> Pipeline:
    """Builds the pipeline that is compiled.

    Args:
        config: What the pipeline is told.
        deployment: Where it runs.
        tune: Whether a Tuner comes before the Trainer.
    """
    config = _for_containers(config)
    data = data_nodes(config, _text(DATA_SOURCE), source_sha256="", cache=str(config.data.cache))
    peers = peer_nodes(config, data)
    tuner = tuner_node(config, data) if tune else None
    trainer = trainer_node(config, data, None, tuner)
    model = trainer.outputs["model"]
    baseline_model = ServedBaseline(
        model=model,
        base_directory=_text(PUSH_DESTINATION),
        code_version=source_fingerprint("components.baseline.component"),
    ).with_id("BaselineModel")
    evaluator = evaluator_node(
        config, data, peers, model, baseline_model.outputs["baseline_model"], _text(GATE)
    )
    index_validator = index_validator_node(config, model)
    pusher = pusher_node(
        config,
        model,
        evaluator.outputs["blessing"],
        index_validator.outputs["infra_blessing"],
        _text(PUSH_DESTINATION),
    )
    verdict = Verdict(
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=index_validator.outputs["infra_blessing"],
        pushed_model=pusher.outputs["pushed_model"],
    ).with_id(VERDICT)
    tuners = [tuner] if tuner else []
    judges = [baseline_model, evaluator, index_validator, pusher, verdict]
    return Pipeline(
        pipeline_name=deployment.name,
        pipeline_root=deployment.pipeline_root,
        components=[*data.nodes, *peers.nodes, *tuners, trainer, *judges],
        enable_cache=deployment.cache,
        beam_pipeline_args=beam_arguments(config.beam),
    )


def _text(name: str) -> RuntimeParameter:
    return RuntimeParameter(name=name, ptype=str)


def _for_containers(config: Config) -> Config:
    """The configuration with a cache of data that containers can make, unless one was given."""
    if "cache" in config.data.model_fields_set:
        return config
    data = config.data.model_copy(update={"cache": _CONTAINER_CACHE})
    return config.model_copy(update={"data": data})
