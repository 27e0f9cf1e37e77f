"""The pipeline as a graph of TFX components.

    ExampleGen -> InteractionStatistics -> InteractionValidator (<- InteractionSchema) --\\
              \\-> CandidateStatistics  -> CandidateValidator   (<- CandidateSchema)   ----+
                                                                                         v
    Pusher <- Evaluator <- BaselineModel <- Trainer <---------------------------- Transform
                       \\<- PeerEvaluator <- Popularity, ItemKnn, ImplicitAls <------/
"""

from __future__ import annotations

from pathlib import Path

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

import schema
from components.datasets.sources import ResolvedSource
from components.evaluator.component import RetrievalEvaluator
from components.evaluator.gate import GateBounds, SliceFloor
from components.example_gen.component import RetrievalExampleGen
from components.example_gen.splits import SplitSpec
from components.example_validator.component import BlockingExampleValidator
from components.examples.columns import SEEN_CANDIDATES
from components.peer_evaluator.component import PeerEvaluator
from components.peers.component import Peer
from components.peers.names import IMPLICIT_ALS, ITEM_KNN, POPULARITY
from components.pusher.component import ServingPusher
from components.resolver.latest_other_blessed_model import LatestOtherBlessedModel
from components.schema_gen.component import CuratedSchemaGen
from components.trainer.component import RetrievalTrainer
from components.transform.component import RetrievalTransform
from pipeline.code_version import source_fingerprint
from pipeline.config import Config
from pipeline.paths import OutputPaths

PIPELINE_NAME = "movielens-retrieval"

# The component that trains each peer.
PEER_NODES = {POPULARITY: "Popularity", ITEM_KNN: "ItemKnn", IMPLICIT_ALS: "ImplicitAls"}

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


def create_pipeline(config: Config, paths: OutputPaths, source: ResolvedSource) -> Pipeline:
    """Builds the pipeline.

    Args:
        config: What the run was told.
        paths: Where artifacts, metadata and pushed models go.
        source: The raw files that `config.data.source` stands for.
    """
    example_gen = RetrievalExampleGen(
        source=config.data.source,
        source_sha256=source.fingerprint,
        cache=str(config.data.cache),
        split=SplitSpec(**config.split.model_dump()),
        code_version=source_fingerprint("components.example_gen.component"),
    ).with_id("ExampleGen")

    interaction_statistics = StatisticsGen(
        examples=example_gen.outputs["examples"],
        stats_options=_statistics_of(schema.INTERACTIONS, without=SEEN_CANDIDATES),
    ).with_id("InteractionStatistics")
    candidate_statistics = StatisticsGen(
        examples=example_gen.outputs["candidates"],
        stats_options=_statistics_of(schema.CANDIDATES),
    ).with_id("CandidateStatistics")

    interaction_schema = CuratedSchemaGen(schema.INTERACTIONS).with_id("InteractionSchema")
    candidate_schema = CuratedSchemaGen(schema.CANDIDATES).with_id("CandidateSchema")

    interaction_validator = BlockingExampleValidator(
        statistics=interaction_statistics.outputs["statistics"],
        schema=interaction_schema.outputs["schema"],
        code_version=source_fingerprint("components.example_validator.component"),
    ).with_id("InteractionValidator")
    candidate_validator = BlockingExampleValidator(
        statistics=candidate_statistics.outputs["statistics"],
        schema=candidate_schema.outputs["schema"],
        code_version=source_fingerprint("components.example_validator.component"),
    ).with_id("CandidateValidator")

    transform = RetrievalTransform(
        examples=example_gen.outputs["examples"],
        candidates=example_gen.outputs["candidates"],
        schema=interaction_schema.outputs["schema"],
        code_version=source_fingerprint("components.transform.component"),
    ).with_id("Transform")
    # Nothing flows from the validators: they only have to let the data pass first.
    transform.add_upstream_nodes([interaction_validator, candidate_validator])

    trainer = RetrievalTrainer(
        examples=example_gen.outputs["examples"],
        candidates=example_gen.outputs["candidates"],
        transform_graph=transform.outputs["transform_graph"],
        hyperparameters=config.training,
        code_version=source_fingerprint("components.trainer.component"),
    ).with_id("Trainer")

    baseline_model = Resolver(
        strategy_class=LatestOtherBlessedModel,
        candidate=trainer.outputs["model"],
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("BaselineModel")

    peers = {
        node: Peer(
            peer=peer,
            examples=example_gen.outputs["examples"],
            candidates=example_gen.outputs["candidates"],
            transform_graph=transform.outputs["transform_graph"],
            code_version=source_fingerprint(f"components.peers.{peer}"),
        ).with_id(node)
        for peer, node in PEER_NODES.items()
    }
    peer_evaluator = PeerEvaluator(
        examples=example_gen.outputs["examples"],
        candidates=example_gen.outputs["candidates"],
        peers={peer: peers[node].outputs["model"] for peer, node in PEER_NODES.items()},
        slices=config.evaluation.slices,
        code_version=source_fingerprint("components.peer_evaluator.component"),
    ).with_id("PeerEvaluator")

    evaluator = RetrievalEvaluator(
        examples=example_gen.outputs["examples"],
        candidates=example_gen.outputs["candidates"],
        peer_evaluation=peer_evaluator.outputs["evaluation"],
        slices=config.evaluation.slices,
        model=trainer.outputs["model"],
        baseline_model=baseline_model.outputs["model"],
        gate=gate_bounds(config),
        code_version=source_fingerprint("components.evaluator.component"),
    ).with_id("Evaluator")

    pusher = ServingPusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        base_directory=str(paths.serving),
        code_version=source_fingerprint("components.pusher.component"),
    ).with_id("Pusher")

    return Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=str(paths.artifacts),
        components=[
            example_gen,
            interaction_statistics,
            candidate_statistics,
            interaction_schema,
            candidate_schema,
            interaction_validator,
            candidate_validator,
            transform,
            trainer,
            *peers.values(),
            peer_evaluator,
            baseline_model,
            evaluator,
            pusher,
        ],
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(paths.metadata)),
        beam_pipeline_args=BEAM_ARGUMENTS,
    )


def gate_bounds(config: Config) -> GateBounds:
    """The bounds that a config holds models to."""
    values = config.gate.model_dump()
    floors = tuple(SliceFloor(**floor) for floor in values.pop("slice_floors"))
    return GateBounds(**values, slice_floors=floors)


def _statistics_of(schema_file: Path, without: str | None = None) -> tfdv.StatsOptions:
    """Statistics over the features that a schema names, bar one."""
    parsed = text_format.Parse(schema_file.read_text(encoding="utf-8"), schema_pb2.Schema())
    return tfdv.StatsOptions(
        feature_allowlist=[feature.name for feature in parsed.feature if feature.name != without]
    )
