"""The compiled pipeline, executed task by task: the same model and metrics as the local run's.

Three jobs on one backend: a first one, one with another seed whose baseline is the first's model,
and one whose gate nothing passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import presets
from pipeline.cloud.deployment import deployment
from pipeline.cloud.spec import compile_job
from tests import real_data
from tests.cloud.conftest import OF_DATA
from tests.cloud.spec_executor import Container, Executed, SpecExecutor
from tests.pipeline.command_line import SMALL, Workspace, file_hashes

# What is looked for does not depend on much training, or on many rows.
_SHORT = ("training.epochs=1", "split.eval_fraction=0.05")

# Each job may have to share the machine.
pytestmark = [pytest.mark.slow, pytest.mark.end_to_end, pytest.mark.timeout(2400)]


def _job(*assignments: str) -> dict[str, Any]:
    config = presets.load("default", [*SMALL, *_SHORT, *assignments])
    where = deployment(
        target="kubeflow",
        name="retrieval",
        image="registry/image:1",
        pipeline_root="gs://bucket/artifacts",
        push_destination=None,
        cpu=[],
        memory=[],
        gpu=[],
        retries=0,
        cache=True,
    )
    return compile_job(config, where, tune=False)


class _Backend:
    """The three jobs, run when first asked for, in order."""

    def __init__(self, container: Container, folder: Path) -> None:
        self._executor = SpecExecutor(container, folder)
        self.serving = folder / "serving"
        source = real_data.source()
        is_named = source.startswith("tfds:")
        self.parameters = {
            "data_source": source if is_named else f"file://{source}",
            "push_destination": str(self.serving),
        }
        self._done: list[Executed] = []

    def job(self, number: int) -> Executed:
        for earlier in range(len(self._done), number):
            self._done.append(self._run(earlier + 1))
        return self._done[number - 1]

    def _run(self, number: int) -> Executed:
        if number == 1:
            # The data are pinned here, though their URI does not say so.
            return self._executor.execute(_pinned(_job()), self.parameters)
        job = _pinned(_job("training.seed=7"))
        if number == 2:
            return self._executor.execute(job, self.parameters)
        gate = json.loads(job["runtimeConfig"]["parameterValues"]["gate"])
        impossible = json.dumps({**gate, "min_top_100_accuracy": 0.99})
        return self._executor.execute(job, {**self.parameters, "gate": impossible})

    def versions(self) -> list[int]:
        return sorted(int(path.name) for path in self.serving.iterdir())


def _pinned(job: dict[str, Any]) -> dict[str, Any]:
    assert job["pipelineSpec"]["root"]["dag"]["tasks"]["ExampleGen"]["cachingOptions"] == {
        "enableCache": True
    }
    return job


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Backend]:
    with Container() as container:
        yield _Backend(container, tmp_path_factory.mktemp("cloud"))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Report of a local run of the same configuration."""
    folder = tmp_path_factory.mktemp("local")
    workspace = Workspace(Path(real_data.source()), folder / "cache", folder / "output")
    process = workspace.start(*_SHORT)
    out, err = process.communicate()
    assert process.returncode == 0, err
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


def test_first_job_pushes_its_model(backend: _Backend) -> None:
    done = backend.job(1)
    assert done.failed is None, done.failed
    assert not done.cached
    assert done.metadata("Pusher", "pushed_model")["outcome"] == "pushed"
    [version] = backend.versions()
    assert done.metadata("Pusher", "pushed_model")["pushed_version"] == str(version)
    assert (backend.serving / str(version) / "saved_model.pb").is_file()
    # None yet, so there is nothing to compare with.
    assert "version" not in done.metadata("BaselineModel", "baseline_model")
    assert "baseline" not in done.metadata("Evaluator", "evaluation")


def test_first_job_measures_what_the_local_run_does(
    backend: _Backend, local: dict[str, Any]
) -> None:
    evaluation = backend.job(1).metadata("Evaluator", "evaluation")
    metrics = json.loads(evaluation["metrics"])
    assert set(metrics) == set(local["metrics"])
    assert metrics["example_count"] > 4000
    for name, value in local["metrics"].items():
        assert metrics[name] == pytest.approx(value, abs=1e-6), name
    peers = json.loads(evaluation["peers"])
    for peer, found in local["peers"].items():
        assert peers[peer] == pytest.approx(found, abs=1e-6), peer


def test_every_artifact_is_small_enough_for_a_metadata_store(backend: _Backend) -> None:
    """Vertex AI takes 200 kB of properties for an artifact."""
    for task, outputs in backend.job(1).outputs.items():
        for output, artifact in outputs.items():
            assert len(json.dumps(artifact["metadata"])) < 100_000, (task, output)


def test_second_job_finds_the_first_model_as_its_baseline(backend: _Backend) -> None:
    first, second = backend.job(1), backend.job(2)
    assert second.failed is None, second.failed
    assert second.cached == OF_DATA
    old, new = backend.versions()[:2]
    assert second.metadata("BaselineModel", "baseline_model")["version"] == old
    assert second.metadata("Pusher", "pushed_model")["pushed_version"] == str(new)
    evaluation = second.metadata("Evaluator", "evaluation")
    baseline = json.loads(evaluation["baseline"])
    assert baseline != json.loads(evaluation["metrics"])
    for name, value in json.loads(first.metadata("Evaluator", "evaluation")["metrics"]).items():
        if name in baseline:
            assert baseline[name] == pytest.approx(value, abs=1e-6), name


def test_third_job_is_refused_by_the_gate(backend: _Backend) -> None:
    backend.job(2)
    before = file_hashes(backend.serving)
    third = backend.job(3)
    assert third.failed is not None
    task, log = third.failed
    assert task == "Verdict"
    assert "NotBlessedError: The model was not blessed, and not pushed: top-100 accuracy" in log
    assert "below 0.9900" in log
    assert third.not_run == set()
    assert third.cached == {*OF_DATA, "Trainer", "IndexValidator"}
    pushed = third.metadata("Pusher", "pushed_model")
    assert (pushed["outcome"], pushed["pushed"]) == ("not_blessed", 0)
    assert file_hashes(backend.serving) == before
    # The candidate is what is served by now, so that it is compared with the one before.
    baseline = third.metadata("BaselineModel", "baseline_model")["version"]
    assert baseline == backend.versions()[0]
