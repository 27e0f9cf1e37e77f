"""Every Beam component in several processes, and as a Dataflow job that is not submitted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2

import schema
from components.evaluator import executor as evaluator
from components.example_gen import executor as example_gen
from components.example_gen.splits import SplitSpec
from pipeline.beam_engines import BeamSection, beam_arguments
from tests.components import steps
from tests.components.steps import Artifacts
from tests.components.test_gate import BOUNDS as BOUNDS_OF_SLICES
from tests.pipeline.command_line import file_hashes

IMAGE = "registry.example/retrieval:1"
DATAFLOW = BeamSection(
    engine="dataflow",
    project="a-project",
    region="europe-west1",
    temp_location="gs://bucket/temporary",
    image=IMAGE,
    workers=3,
    max_workers=9,
    machine_type="n2-highmem-4",
    service_account="worker@a-project.iam.gserviceaccount.com",
)
BOUNDS = dataclasses.replace(BOUNDS_OF_SLICES, slice_floors=())
_UNPICKLE = Path(__file__).with_name("unpickle_job.py")


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = beam_arguments(BeamSection(engine="multiprocess"))
    monkeypatch.setattr(steps, "BEAM_ARGUMENTS", arguments)


@pytest.mark.slow
@pytest.mark.usefixtures("two_processes")
def test_example_gen_and_transform_in_two_processes(artifacts: Artifacts, tmp_path: Path) -> None:
    examples, candidates = steps.run_example_gen(artifacts.source, tmp_path, SplitSpec())
    for here, there in ((artifacts.examples, examples), (artifacts.candidates, candidates)):
        assert file_hashes(Path(here.uri)) == file_hashes(Path(there.uri))
        assert here.get_int_custom_property("rows_eval") == there.get_int_custom_property(
            "rows_eval"
        )
    transform_graph = steps.run_transform(examples, candidates, tmp_path)
    for folder in ("transform_fn/assets", "transformed_metadata", "metadata"):
        hashes = [
            file_hashes(Path(artifact.uri, folder))
            for artifact in (artifacts.transform_graph, transform_graph)
        ]
        assert hashes[0]
        assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_statistics_in_two_processes(
    artifacts: Artifacts, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    here = steps.run_statistics_gen(artifacts.examples, tmp_path / "here", schema.INTERACTIONS)
    request.getfixturevalue("two_processes")
    there = steps.run_statistics_gen(artifacts.examples, tmp_path / "there", schema.INTERACTIONS)
    for split in ("train", "valid", "eval"):
        assert len(_statistics(here, split)) > 5
        assert _statistics(here, split) == _statistics(there, split)


def _statistics(artifact: Any, split: str) -> dict[str, str]:
    """Statistics of each feature, whatever their order."""
    file = Path(artifact.uri, f"Split-{split}", "FeatureStats.pb")
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    [dataset] = found.datasets
    return {str(feature.path or feature.name): str(feature) for feature in dataset.features}


@pytest.mark.slow
def test_evaluations_in_two_processes(
    artifacts: Artifacts, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    here, _ = steps.run_evaluator(artifacts, tmp_path / "here", artifacts.model, BOUNDS)
    request.getfixturevalue("two_processes")
    there, _ = steps.run_evaluator(artifacts, tmp_path / "there", artifacts.model, BOUNDS)
    peers = steps.run_peer_evaluator(artifacts.training_inputs(), artifacts.peers, tmp_path)
    for one, other in ((here, there), (artifacts.peer_evaluation, peers)):
        for name in ("metrics", "intervals", "slices"):
            values = [json.loads(e.get_string_custom_property(name)) for e in (one, other)]
            _assert_close(*values)


def _assert_close(one: Any, other: Any) -> None:
    """Equal but for the order in which floats were added up."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name, value in one.items():
            _assert_close(value, other[name])
    else:
        assert one == pytest.approx(other, rel=1e-9, nan_ok=True)


class _NotSubmitted(Exception):
    """Ends a component whose job would have been submitted."""


class _DryRun(beam.Pipeline):  # type: ignore[misc]
    """Makes a Dataflow job as far as that goes without a cloud.

    Args:
        jobs: Where the job goes.
    """

    def __init__(self, jobs: list[Any]) -> None:
        super().__init__(argv=[*beam_arguments(DATAFLOW), "--dry_run=True"])
        self._jobs = jobs

    def run(self, test_runner_api: Any = "AUTO") -> Any:
        self._jobs.append((super().run(False).job, self.runner.proto_pipeline))
        raise _NotSubmitted


def _job(component: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    jobs: list[Any] = []
    context = example_gen.Executor.Context(make_beam_pipeline_fn=lambda: _DryRun(jobs))
    monkeypatch.setattr(steps, "beam_context", lambda output: context)
    with pytest.raises(_NotSubmitted):
        component()
    [job] = jobs
    return job


@pytest.mark.slow
def test_dataflow_jobs(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    components: dict[str, Callable[[], object]] = {
        "example_gen": lambda: steps.run_example_gen(artifacts.source, tmp_path, SplitSpec()),
        "statistics": lambda: steps.run_statistics_gen(
            artifacts.examples, tmp_path, schema.INTERACTIONS
        ),
        "transform": lambda: steps.run_transform(
            artifacts.examples, artifacts.candidates, tmp_path
        ),
        "evaluation": lambda: steps.run_evaluator(artifacts, tmp_path, artifacts.model, BOUNDS),
    }
    protos = {}
    for name, component in components.items():
        job, proto = _job(component, monkeypatch)
        _check_environment(proto)
        _check_options(job)
        protos[name] = tmp_path / f"{name}.job"
        protos[name].write_bytes(proto.SerializeToString())
    # Nothing of this process is there when a worker loads what was pickled.
    loaded = subprocess.run(
        [sys.executable, str(_UNPICKLE), *map(str, protos.values())],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(evaluator.__file__).parents[2]), "TF_USE_LEGACY_KERAS": "1"},
    )
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    names = json.loads(loaded.stdout.splitlines()[-1])
    assert {"ReadBlock", "DealIntoShards", "WriteShard"} <= set(names[0])
    assert all(names)


def _check_environment(proto: beam_runner_api_pb2.Pipeline) -> None:
    """Workers run in our image, and install nothing into it."""
    [environment] = proto.components.environments.values()
    assert environment.urn == common_urns.environments.DOCKER.urn
    payload = beam_runner_api_pb2.DockerPayload.FromString(environment.payload)
    assert payload.container_image == IMAGE
    # Beam lists what is installed here, to warn of differences; it is not installed there.
    roles = [
        beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(found.role_payload).staged_name
        for found in environment.dependencies
    ]
    assert roles == ["submission_environment_dependencies.txt"]


def _check_options(job: Any) -> None:
    options = job.options.get_all_options()
    expected = {
        "project": DATAFLOW.project,
        "region": DATAFLOW.region,
        "sdk_container_image": IMAGE,
        "num_workers": 3,
        "max_num_workers": 9,
        "machine_type": "n2-highmem-4",
        "service_account_email": DATAFLOW.service_account,
        "sdk_location": "container",
    }
    assert {name: options[name] for name in expected} == expected
    for name in ("temp_location", "staging_location"):
        assert options[name].startswith(f"{DATAFLOW.temp_location}/")  # a folder of the job's own
