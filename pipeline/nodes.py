"""The components of the pipelines, in the groups that `dag` puts together."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types.channel import BaseChannel

import schema
from components.evaluator.component import RetrievalEvaluator
from components.evaluator.gate import GateBounds, SliceFloor
from components.example_gen.component import RetrievalExampleGen
from components.example_gen.splits import SplitSpec
from components.example_validator.component import BlockingExampleValidator
from components.examples.columns import MADE_COLUMNS
from components.index_validator.component import IndexValidator
from components.peer_evaluator.component import PeerEvaluator
from components.peers.component import Peer
from components.peers.names import IMPLICIT_ALS, ITEM_KNN, POPULARITY, SESSION_KNN
from components.pusher.component import ServingPusher
from components.schema_gen.component import CuratedSchemaGen
from components.serving.indexes.options import IndexOptions
from components.statistics_gen.component import RecordedStatisticsGen
from components.trainer.component import RetrievalTrainer
from components.transform.component import RetrievalTransform
from components.tuner.component import RetrievalTuner
from pipeline import presets
from pipeline.code_version import source_fingerprint
from pipeline.config import Config

# The component that trains each peer.
PEER_NODES = {
    POPULARITY: "Popularity",
    ITEM_KNN: "ItemKnn",
    SESSION_KNN: "SessionKnn",
    IMPLICIT_ALS: "ImplicitAls",
}


@dataclasses.dataclass(frozen=True)
class DataNodes:
    """From raw files to the transform graph.

    Attributes:
        nodes: All of them, in order.
        examples: Interactions in the splits train, valid and eval.
        candidates: The catalogue.
        transform_graph: The transform graph.
    """

    nodes: list[BaseNode]
    examples: BaseChannel
    candidates: BaseChannel
    transform_graph: BaseChannel


@dataclasses.dataclass(frozen=True)
class PeerNodes:
    """The peers and what they reach.

    Attributes:
        nodes: All of them, in order.
        evaluation: What they reach on the eval split.
    """

    nodes: list[BaseNode]
    evaluation: BaseChannel


def data_nodes(
    config: Config, source: str | RuntimeParameter, source_sha256: str, cache: str
) -> DataNodes:
    """Ingests, validates and transforms.

    Args:
        config: What the run was told.
        source: Where the raw files are, in place of `config.data.source`.
        source_sha256: Their fingerprint; empty where it cannot be known before the run.
        cache: Folder for downloads, in place of `config.data.cache`.
    """
    example_gen = RetrievalExampleGen(
        source=source,
        source_sha256=source_sha256,
        cache=cache,
        split=SplitSpec(**config.split.model_dump()),
        code_version=source_fingerprint("components.example_gen.component"),
    ).with_id("ExampleGen")

    interaction_statistics = RecordedStatisticsGen(
        examples=example_gen.outputs["examples"],
        stats_options=_statistics_of(schema.INTERACTIONS),
    ).with_id("InteractionStatistics")
    candidate_statistics = RecordedStatisticsGen(
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

    return DataNodes(
        nodes=[
            example_gen,
            interaction_statistics,
            candidate_statistics,
            interaction_schema,
            candidate_schema,
            interaction_validator,
            candidate_validator,
            transform,
        ],
        examples=example_gen.outputs["examples"],
        candidates=example_gen.outputs["candidates"],
        transform_graph=transform.outputs["transform_graph"],
    )


def peer_nodes(config: Config, data: DataNodes) -> PeerNodes:
    """Trains and evaluates the peers.

    Args:
        config: What the run was told.
        data: What they are trained and evaluated on.
    """
    peers = {
        peer: Peer(
            peer=peer,
            examples=data.examples,
            candidates=data.candidates,
            transform_graph=data.transform_graph,
            code_version=source_fingerprint("components.peers.component"),
        ).with_id(node)
        for peer, node in PEER_NODES.items()
    }
    evaluator = PeerEvaluator(
        examples=data.examples,
        candidates=data.candidates,
        peers={peer: component.outputs["model"] for peer, component in peers.items()},
        slices=config.evaluation.slices,
        code_version=source_fingerprint("components.peer_evaluator.component"),
    ).with_id("PeerEvaluator")
    return PeerNodes([*peers.values(), evaluator], evaluator.outputs["evaluation"])


def tuner_node(config: Config, data: DataNodes) -> RetrievalTuner:
    """Searches for better hyperparameters.

    Args:
        config: What the run was told.
        data: What trials are trained on and judged by.
    """
    return RetrievalTuner(
        examples=data.examples,
        candidates=data.candidates,
        transform_graph=data.transform_graph,
        hyperparameters=config.training,
        trials=config.tuning.trials,
        seed=config.tuning.seed,
        code_version=source_fingerprint("components.tuner.component"),
    ).with_id("Tuner")


def trainer_node(
    config: Config, data: DataNodes, checkpoints: str | None, tuner: RetrievalTuner | None
) -> RetrievalTrainer:
    """Trains and exports the model.

    Args:
        config: What the run was told.
        data: What it is trained on.
        checkpoints: Folder where a training that is killed leaves what the next one goes on from;
            None for no checkpoints.
        tuner: Where better hyperparameters come from, if any were searched for.
    """
    return RetrievalTrainer(
        examples=data.examples,
        candidates=data.candidates,
        transform_graph=data.transform_graph,
        hyperparameters=config.training,
        preset=config.preset,
        index=IndexOptions(config.index.kind, config.index.min_recall),
        seen_table=config.serving.seen_table,
        checkpoints=checkpoints,
        best_hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        code_version=source_fingerprint("components.trainer.component"),
    ).with_id("Trainer")


def index_validator_node(config: Config, model: BaseChannel) -> IndexValidator:
    """Proves that a model can be served.

    Args:
        config: What the run was told.
        model: The model.
    """
    return IndexValidator(
        model=model,
        min_recall=config.index.min_recall,
        max_latency_ratio=config.index.max_latency_ratio,
        code_version=source_fingerprint("components.index_validator.component"),
    ).with_id("IndexValidator")


def pusher_node(
    config: Config,
    model: BaseChannel,
    model_blessing: BaseChannel,
    infra_blessing: BaseChannel,
    base_directory: str | RuntimeParameter,
) -> ServingPusher:
    """Pushes a model that was blessed.

    Args:
        config: What the run was told.
        model: The model.
        model_blessing: The Evaluator's verdict on it.
        infra_blessing: The IndexValidator's verdict on it.
        base_directory: Folder of the model's versions.
    """
    return ServingPusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        base_directory=base_directory,
        config=json.dumps(presets.described(config)),
        code_version=source_fingerprint("components.pusher.component"),
    ).with_id("Pusher")


def evaluator_node(
    config: Config,
    data: DataNodes,
    peers: PeerNodes,
    model: BaseChannel,
    baseline_model: BaseChannel | None,
    gate: str | RuntimeParameter,
) -> RetrievalEvaluator:
    """Evaluates and gates a model.

    Args:
        config: What the run was told.
        data: What it is evaluated on.
        peers: The peers on the same rows.
        model: The model.
        baseline_model: The model it is compared with, if any.
        gate: Bounds that it is held to, `GateBounds` as JSON.
    """
    return RetrievalEvaluator(
        examples=data.examples,
        candidates=data.candidates,
        model=model,
        peer_evaluation=peers.evaluation,
        baseline_model=baseline_model,
        gate=gate,
        slices=config.evaluation.slices,
        code_version=source_fingerprint("components.evaluator.component"),
    ).with_id("Evaluator")


def gate_bounds(config: Config) -> GateBounds:
    """The bounds that a config holds models to."""
    values = config.gate.model_dump()
    floors = tuple(SliceFloor(**floor) for floor in values.pop("slice_floors"))
    return GateBounds(**values, slice_floors=floors)


def _statistics_of(schema_file: Path) -> tfdv.StatsOptions:
    """Statistics over the features that a schema names, bar those that the pipeline makes."""
    parsed = text_format.Parse(schema_file.read_text(encoding="utf-8"), schema_pb2.Schema())
    return tfdv.StatsOptions(
        feature_allowlist=[
            feature.name for feature in parsed.feature if feature.name not in MADE_COLUMNS
        ]
    )
