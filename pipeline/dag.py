"""The pipelines as graphs of TFX components.

    ExampleGen -> InteractionStatistics -> InteractionValidator (<- InteractionSchema) --\\
              \\-> CandidateStatistics  -> CandidateValidator   (<- CandidateSchema)   ----+
                                                                                         v
    Pusher <- Evaluator <- BaselineModel <- Trainer <---------------------------- Transform
         \\           \\                   /         \\<- Tuner (with --tune) <-----/   /
          \\           \\<- PeerEvaluator <- Popularity, ItemKnn, SessionKnn, ImplicitAls
           \\<- IndexValidator <--------/
"""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.pipeline import Pipeline
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.datasets.sources import ResolvedSource
from components.resolver.latest_other_blessed_model import LatestOtherBlessedModel
from pipeline.beam_engines import beam_arguments
from pipeline.config import Config
from pipeline.exported_models import ExportedModels
from pipeline.metadata_store import allows_cache, connection_to
from pipeline.nodes import (
    DataNodes,
    data_nodes,
    evaluator_node,
    gate_bounds,
    index_validator_node,
    peer_nodes,
    pusher_node,
    trainer_node,
    tuner_node,
)
from pipeline.paths import OutputPaths

# It compares the model with the one that is served, which no cache key knows.
NEVER_CACHED = ("Pusher",)


def create_pipeline(
    config: Config, paths: OutputPaths, source: ResolvedSource, tune: bool
) -> Pipeline:
    """Builds the pipeline.

    Args:
        config: What the run was told.
        paths: Where artifacts, metadata and pushed models go.
        source: The raw files that `config.data.source` stands for.
        tune: Whether a Tuner comes before the Trainer.
    """
    data = _data(config, source)
    peers = peer_nodes(config, data)
    tuner = tuner_node(config, data) if tune else None
    trainer = trainer_node(config, data, paths.checkpoints, tuner)
    model = trainer.outputs["model"]
    baseline_model = Resolver(
        strategy_class=LatestOtherBlessedModel,
        candidate=model,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("BaselineModel")
    evaluator = evaluator_node(
        config,
        data,
        peers,
        model,
        baseline_model.outputs["model"],
        gate_bounds(config).to_json(),
    )
    index_validator = index_validator_node(config, model)
    pusher = pusher_node(
        config,
        model,
        evaluator.outputs["blessing"],
        index_validator.outputs["infra_blessing"],
        str(paths.serving),
    )
    tuners = [tuner] if tuner else []
    judges = [baseline_model, evaluator, index_validator]
    return _pipeline([*data.nodes, *peers.nodes, *tuners, trainer, *judges, pusher], paths, config)


def create_evaluation_pipeline(
    config: Config, paths: OutputPaths, source: ResolvedSource, models: ExportedModels
) -> Pipeline:
    """Builds the part of the pipeline that evaluates models which exist already.

    Its components up to the Evaluator are those of `create_pipeline`, and share its cache.

    Args:
        config: What the run was told.
        paths: Where artifacts and metadata go.
        source: The raw files that `config.data.source` stands for.
        models: The models.
    """
    data = _data(config, source)
    peers = peer_nodes(config, data)
    model = _imported(models.model, "ImportedModel")
    baseline = _imported(models.baseline, "ImportedBaseline") if models.baseline else None
    evaluator = evaluator_node(
        config,
        data,
        peers,
        model.outputs["result"],
        baseline.outputs["result"] if baseline else None,
        gate_bounds(config).to_json(),
    )
    imported = [node for node in (model, baseline) if node]
    return _pipeline([*data.nodes, *peers.nodes, *imported, evaluator], paths, config)


def _data(config: Config, source: ResolvedSource) -> DataNodes:
    return data_nodes(config, config.data.source, source.fingerprint, str(config.data.cache))


def _imported(model: Path, node: str) -> Importer:
    # Imported anew each time: what lies in a folder may have changed.
    return Importer(source_uri=str(model), artifact_type=Model, reimport=True).with_id(node)


def _pipeline(nodes: list[BaseNode], paths: OutputPaths, config: Config) -> Pipeline:
    return Pipeline(
        pipeline_name=config.metadata.pipeline,
        pipeline_root=paths.artifacts,
        components=nodes,
        enable_cache=allows_cache(paths.metadata),
        metadata_connection_config=connection_to(paths.metadata),
        beam_pipeline_args=beam_arguments(config.beam),
    )
