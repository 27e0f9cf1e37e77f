"""Runs the real executors one by one, outside a pipeline."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.types import standard_artifacts

import schema
from components.datasets.movielens import MOVIELENS
from components.evaluator import executor as evaluator
from components.evaluator.gate import GateBounds
from components.evaluator.slice_names import slice_names
from components.example_gen import executor as example_gen
from components.example_gen.splits import SplitSpec
from components.index_validator import executor as index_validator
from components.peer_evaluator import executor as peer_evaluator
from components.peers import executor as peers
from components.peers.names import PEERS
from components.pusher import executor as pusher
from components.serving.indexes.options import IndexOptions
from components.statistics_gen import executor as statistics_gen
from components.trainer import executor as trainer
from components.trainer.hyperparameters import Hyperparameters
from components.transform import component as transform_component
from components.transform import executor as transform
from pipeline.beam_engines import BeamSection, beam_arguments
from pipeline.config import DataSection

BEAM_ARGUMENTS = beam_arguments(BeamSection())
SLICES = slice_names(MOVIELENS)
_AUTO = IndexOptions()


@dataclasses.dataclass(frozen=True)
class Artifacts:
    """Artifacts of one pass over a data set."""

    source: str
    examples: standard_artifacts.Examples
    candidates: standard_artifacts.Examples
    transform_graph: standard_artifacts.TransformGraph
    model: standard_artifacts.Model
    model_run: standard_artifacts.ModelRun
    peers: dict[str, standard_artifacts.Model]
    peer_evaluation: standard_artifacts.ModelEvaluation

    def training_inputs(self) -> dict[str, Any]:
        """What Trainer and peers read."""
        return {
            "examples": self.examples,
            "candidates": self.candidates,
            "transform_graph": self.transform_graph,
        }


def beam_context(temporary: Path) -> Any:
    """Context of a Beam executor."""
    return example_gen.Executor.Context(
        beam_pipeline_args=BEAM_ARGUMENTS, tmp_dir=str(temporary / "beam")
    )


def run_statistics_gen(examples: Any, output: Path, schema_file: Path) -> Any:
    """Runs StatisticsGen over the features of a schema; returns its statistics."""
    statistics = new_artifact(standard_artifacts.ExampleStatistics, output / "statistics")
    names = [feature.name for feature in tfdv.load_schema_text(str(schema_file)).feature]
    statistics_gen.Executor(beam_context(output)).Do(
        {"examples": [examples]},
        {"statistics": [statistics]},
        {
            "stats_options_json": tfdv.StatsOptions(feature_allowlist=names).to_json(),
            "exclude_splits": "[]",
        },
    )
    return statistics


def new_artifact(artifact_type: type[Any], folder: Path, identity: int = 1) -> Any:
    """An empty artifact of a type in `folder`."""
    folder.mkdir(parents=True)
    artifact = artifact_type()
    artifact.uri = str(folder)
    artifact.id = identity
    return artifact


def run_all(
    source: str, output: Path, hyperparameters: Hyperparameters, spec: SplitSpec | None = None
) -> Artifacts:
    """Everything up to the evaluation of the peers."""
    examples, candidates = run_example_gen(source, output, spec or SplitSpec())
    transform_graph = run_transform(examples, candidates, output)
    inputs = {"examples": examples, "candidates": candidates, "transform_graph": transform_graph}
    model, model_run = run_trainer(inputs, output, hyperparameters)
    trained = {peer: run_peer(peer, inputs, output) for peer in PEERS}
    peer_evaluation = run_peer_evaluator(inputs, trained, output)
    return Artifacts(
        source,
        **inputs,
        model=model,
        model_run=model_run,
        peers=trained,
        peer_evaluation=peer_evaluation,
    )


def run_example_gen(source: str, output: Path, spec: SplitSpec) -> tuple[Any, Any]:
    """Runs ExampleGen; returns its examples and candidates."""
    examples = new_artifact(standard_artifacts.Examples, output / "examples")
    candidates = new_artifact(standard_artifacts.Examples, output / "candidates", 2)
    example_gen.Executor(beam_context(output)).Do(
        {},
        {"examples": [examples], "candidates": [candidates]},
        {
            "source": source,
            "source_sha256": "",
            "cache": str(DataSection().cache),
            "split": spec.to_json(),
            "code_version": "",
        },
    )
    return examples, candidates


def run_transform(examples: Any, candidates: Any, output: Path) -> Any:
    """Runs Transform; returns its graph."""
    schema_artifact = new_artifact(standard_artifacts.Schema, output / "schema")
    shutil.copy(schema.INTERACTIONS, output / "schema" / "schema.pbtxt")
    transform_graph = new_artifact(standard_artifacts.TransformGraph, output / "transform_graph")
    transform.Executor(beam_context(output)).Do(
        {"examples": [examples], "candidates": [candidates], "schema": [schema_artifact]},
        {"transform_graph": [transform_graph]},
        {
            "preprocessing_fn": transform_component.PREPROCESSING_FN,
            "splits_config": json.dumps({"analyze": ["train"]}),
            "disable_statistics": 1,
            "custom_config": "null",
        },
    )
    return transform_graph


def run_trainer(
    inputs: dict[str, Any],
    output: Path,
    hyperparameters: Hyperparameters,
    index: IndexOptions = _AUTO,
    seen_table: bool = True,
) -> Any:
    """Runs the Trainer; returns its model and model run."""
    model = new_artifact(standard_artifacts.Model, output / "model", 3)
    model_run = new_artifact(standard_artifacts.ModelRun, output / "model_run", 4)
    trainer.Executor().Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {"model": [model], "model_run": [model_run]},
        {
            "hyperparameters": hyperparameters.to_json(),
            "preset": "test",
            "index": index.to_json(),
            "seen_table": int(seen_table),
            "checkpoints": str(output / "checkpoints"),
            "code_version": "",
        },
    )
    return model, model_run


def run_peer(peer: str, inputs: dict[str, Any], output: Path) -> Any:
    """Trains a peer; returns its model."""
    model = new_artifact(standard_artifacts.Model, output / peer, 20)
    peers.Executor().Do(
        {name: [artifact] for name, artifact in inputs.items()},
        {"model": [model]},
        {"peer": peer, "code_version": ""},
    )
    return model


def run_peer_evaluator(inputs: dict[str, Any], models: dict[str, Any], output: Path) -> Any:
    """Runs the PeerEvaluator; returns its evaluation."""
    evaluation = new_artifact(standard_artifacts.ModelEvaluation, output / "peer_evaluation", 30)
    peer_evaluator.Executor(beam_context(output)).Do(
        {
            "examples": [inputs["examples"]],
            "candidates": [inputs["candidates"]],
            **{peer: [model] for peer, model in models.items()},
        },
        {"evaluation": [evaluation]},
        {"slices": json.dumps(SLICES), "code_version": ""},
    )
    return evaluation


def run_evaluator(
    artifacts: Artifacts, output: Path, model: Any, bounds: GateBounds, baseline: Any = None
) -> tuple[Any, Any]:
    """Runs the Evaluator; returns its evaluation and blessing."""
    evaluation = new_artifact(standard_artifacts.ModelEvaluation, output / "evaluation", 5)
    blessing = new_artifact(standard_artifacts.ModelBlessing, output / "blessing", 6)
    evaluator.Executor(beam_context(output)).Do(
        {
            "examples": [artifacts.examples],
            "candidates": [artifacts.candidates],
            "model": [model],
            "peer_evaluation": [artifacts.peer_evaluation],
            "baseline_model": [baseline] if baseline else [],
        },
        {"evaluation": [evaluation], "blessing": [blessing]},
        {"gate": bounds.to_json(), "slices": json.dumps(SLICES), "code_version": ""},
    )
    return evaluation, blessing


def run_index_validator(model: Any, output: Path, max_latency_ratio: float = 1.0) -> Any:
    """Runs the IndexValidator; returns its blessing."""
    blessing = new_artifact(standard_artifacts.InfraBlessing, output / "infra_blessing")
    index_validator.Executor().Do(
        {"model": [model]},
        {"infra_blessing": [blessing]},
        {"min_recall": 0.95, "max_latency_ratio": max_latency_ratio, "code_version": ""},
    )
    return blessing


def new_infra_blessing(output: Path, blessed: bool = True) -> Any:
    """What the IndexValidator gives out."""
    blessing = new_artifact(standard_artifacts.InfraBlessing, output / "given_infra_blessing")
    name = "INFRA_BLESSED" if blessed else "INFRA_NOT_BLESSED"
    Path(blessing.uri, name).touch()
    blessing.set_int_custom_property("blessed", int(blessed))
    return blessing


def run_pusher(
    model: Any, blessing: Any, base: Path, output: Path, infra_blessing: Any = None
) -> str:
    """Runs the Pusher; returns its outcome."""
    pushed = new_artifact(standard_artifacts.PushedModel, output / "pushed")
    pusher.Executor().Do(
        {
            "model": [model],
            "model_blessing": [blessing],
            "infra_blessing": [infra_blessing or new_infra_blessing(output)],
        },
        {"pushed_model": [pushed]},
        {"base_directory": str(base), "config": "{}", "code_version": ""},
    )
    outcome: str = pushed.get_string_custom_property("outcome")
    return outcome


def failed_checks(blessing: Any) -> list[str]:
    """Names of the checks that a blessing records as failed."""
    reasons = json.loads(blessing.get_string_custom_property("reasons"))
    return [reason["check"] for reason in reasons if not reason["passed"]]
