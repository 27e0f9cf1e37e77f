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

import json
from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.datasets.sources import ResolvedSource
from components.index_validator.component import IndexValidator
from components.pusher.component import ServingPusher
from components.resolver.latest_other_blessed_model import LatestOtherBlessedModel
from components.serving.indexes.options import IndexOptions
from components.trainer.component import RetrievalTrainer
from pipeline import presets
from pipeline.code_version import source_fingerprint
from pipeline.config import Config
from pipeline.exported_models import ExportedModels
from pipeline.nodes import data_nodes, evaluator_node, peer_nodes, tuner_node
from pipeline.paths import OutputPaths

PIPELINE_NAME = "movielens-retrieval"

# It compares the model with the one that is served, which no cache key knows.
NEVER_CACHED = ("Pusher",)

# The in-process runner itself: Beam's DirectRunner first tries to download another one. An image
# that is named, though never used, keeps TFX from packaging itself for every Beam component. Type
# inference at construction is a tenth of a short Beam component, and TFX's pipelines are fixed.
BEAM_ARGUMENTS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=unused",
    "--no_pipeline_type_check",
]


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
    data = data_nodes(config, source)
    peers = peer_nodes(config, data)
    tuner = tuner_node(config, data) if tune else None
    trainer = RetrievalTrainer(
        examples=data.examples,
        candidates=data.candidates,
        transform_graph=data.transform_graph,
        hyperparameters=config.training,
        preset=config.preset,
        index=IndexOptions(config.index.kind, config.index.min_recall),
        seen_table=config.serving.seen_table,
        best_hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        code_version=source_fingerprint("components.trainer.component"),
    ).with_id("Trainer")
    baseline_model = Resolver(
        strategy_class=LatestOtherBlessedModel,
        candidate=trainer.outputs["model"],
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("BaselineModel")
    evaluator = evaluator_node(
        config, data, peers, trainer.outputs["model"], baseline_model.outputs["model"]
    )
    index_validator = IndexValidator(
        model=trainer.outputs["model"],
        min_recall=config.index.min_recall,
        max_latency_ratio=config.index.max_latency_ratio,
        code_version=source_fingerprint("components.index_validator.component"),
    ).with_id("IndexValidator")
    pusher = ServingPusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=index_validator.outputs["infra_blessing"],
        base_directory=str(paths.serving),
        config=json.dumps(presets.described(config)),
        code_version=source_fingerprint("components.pusher.component"),
    ).with_id("Pusher")
    tuners = [tuner] if tuner else []
    judges = [baseline_model, evaluator, index_validator]
    return _pipeline([*data.nodes, *peers.nodes, *tuners, trainer, *judges, pusher], paths)


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
    data = data_nodes(config, source)
    peers = peer_nodes(config, data)
    model = _imported(models.model, "ImportedModel")
    baseline = _imported(models.baseline, "ImportedBaseline") if models.baseline else None
    channels = [node.outputs["result"] if node else None for node in (model, baseline)]
    evaluator = evaluator_node(config, data, peers, *channels)
    imported = [node for node in (model, baseline) if node]
    return _pipeline([*data.nodes, *peers.nodes, *imported, evaluator], paths)


def _imported(model: Path, node: str) -> Importer:
    # Imported anew each time: what lies in a folder may have changed.
    return Importer(source_uri=str(model), artifact_type=Model, reimport=True).with_id(node)


def _pipeline(nodes: list[BaseNode], paths: OutputPaths) -> Pipeline:
    return Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=str(paths.artifacts),
        components=nodes,
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(paths.metadata)),
        beam_pipeline_args=BEAM_ARGUMENTS,
    )
