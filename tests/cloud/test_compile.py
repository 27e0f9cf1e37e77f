"""What is compiled, field by field, read back through the published proto of the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

import schema
from pipeline import presets
from pipeline.cli import main
from pipeline.nodes import gate_bounds
from tests.cloud.conftest import COMPILE, OF_DATA

_TASKS = OF_DATA | {
    "Trainer",
    "BaselineModel",
    "Evaluator",
    "IndexValidator",
    "Pusher",
    "Verdict",
}
_RUN_EXECUTOR = [
    "python",
    "-m",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
]


@pytest.fixture(scope="module")
def job(vertex_file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vertex_file.read_text())
    return found


@pytest.fixture(scope="module")
def spec(job: dict[str, Any]) -> Any:
    return json_format.ParseDict(job["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())


@pytest.fixture(scope="module")
def containers(job: dict[str, Any], spec: Any) -> dict[str, Any]:
    deployment = json_format.ParseDict(
        job["pipelineSpec"]["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    return {
        name: deployment.executors[spec.components[name].executor_label].container
        for name in spec.root.dag.tasks
    }


def test_the_job_is_one_of_the_published_format(job: dict[str, Any]) -> None:
    parsed = json_format.ParseDict(job, pipeline_spec_pb2.PipelineJob())
    assert parsed.runtime_config.gcs_output_directory == "gs://bucket/artifacts"
    assert parsed.display_name == "movielens-retrieval"


def test_tasks_and_their_order(spec: Any) -> None:
    assert set(spec.root.dag.tasks) == _TASKS
    for name, task in spec.root.dag.tasks.items():
        assert task.task_info.name == task.component_ref.name == name
        producers = {
            artifact.task_output_artifact.producer_task
            for artifact in task.inputs.artifacts.values()
        }
        assert producers <= set(task.dependent_tasks)
    validators = {"InteractionValidator", "CandidateValidator"}
    assert validators <= set(spec.root.dag.tasks["Transform"].dependent_tasks)
    assert spec.pipeline_info.name == "movielens-retrieval"
    assert spec.schema_version == "2.1.0"
    assert spec.default_pipeline_root == "gs://bucket/artifacts"


def test_every_task_is_a_container_of_the_image(containers: dict[str, Any]) -> None:
    for name, container in containers.items():
        assert container.image == "registry/image:1", name
        assert list(container.command) == _RUN_EXECUTOR
        arguments = list(container.args)
        assert arguments[0] == "--executor_class_path"
        assert arguments[1].startswith(("components.", "tfx.components."))
        assert arguments[2:4] == ["--json_serialized_invocation_args", "{{$}}"]
        assert arguments[4] == "--json_serialized_inputs_spec_args"
        assert "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner" in arguments
        assert not container.lifecycle.ListFields()


def test_resources(containers: dict[str, Any]) -> None:
    for name, container in containers.items():
        given = container.resources
        assert given.cpu_limit == (8 if name == "Trainer" else 2)
        assert given.memory_limit == 16
        assert given.accelerator.count == (2 if name == "Trainer" else 0)
        assert given.accelerator.type == ("NVIDIA_TESLA_T4" if name == "Trainer" else "")


def test_retries_and_cache(spec: Any) -> None:
    for name, task in spec.root.dag.tasks.items():
        assert task.retry_policy.max_retry_count == (0 if name == "Verdict" else 2)
        asks_what_is_served = name in ("BaselineModel", "Pusher", "Verdict")
        assert task.caching_options.enable_cache is not asks_what_is_served
    policy = spec.root.dag.tasks["Trainer"].retry_policy
    assert (policy.backoff_duration.seconds, policy.backoff_factor) == (60, 2.0)


def test_parameters_and_what_takes_them(job: dict[str, Any], spec: Any) -> None:
    gate = gate_bounds(presets.load("default", [])).to_json()
    expected = {
        "data_source": "tfds:movielens/100k",
        "push_destination": "gs://bucket/artifacts/serving/retrieval",
        "gate": gate,
    }
    assert job["runtimeConfig"]["parameterValues"] == expected
    declared = spec.root.input_definitions.parameters
    string = pipeline_spec_pb2.ParameterType.STRING
    assert {name: value.default_value.string_value for name, value in declared.items()} == expected
    assert {value.parameter_type for value in declared.values()} == {string}
    taken = {
        (task, name, parameter.component_input_parameter)
        for task, spec_of_task in spec.root.dag.tasks.items()
        for name, parameter in spec_of_task.inputs.parameters.items()
        if parameter.component_input_parameter
    }
    assert taken == {
        ("ExampleGen", "source", "data_source"),
        ("BaselineModel", "base_directory", "push_destination"),
        ("Pusher", "base_directory", "push_destination"),
        ("Evaluator", "gate", "gate"),
    }


def test_nothing_of_this_machine_is_compiled_in(vertex_file: Path, spec: Any) -> None:
    text = vertex_file.read_text()
    assert str(Path.home()) + "/" not in text
    assert str(Path(schema.__file__).parents[1]) not in text
    parameters = spec.root.dag.tasks["InteractionSchema"].inputs.parameters
    assert parameters["schema_file"].runtime_value.constant.string_value == (
        "schema/interactions.pbtxt"
    )


def test_both_targets_take_the_same_pipeline(job: dict[str, Any], kubeflow_file: Path) -> None:
    assert yaml.safe_load(kubeflow_file.read_text()) == job["pipelineSpec"]


def test_data_that_may_change_are_read_anew(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compile", "--target", "vertex", *COMPILE, "--data", "gs://bucket/ratings"]
    assert main([*arguments, "--no-task-cache", "--name", "other", "--tune"]) == 0
    tasks = json.loads(capsys.readouterr().out)["pipelineSpec"]["root"]["dag"]["tasks"]
    assert "Tuner" in tasks
    assert not any(task["cachingOptions"]["enableCache"] for task in tasks.values())
    assert main(arguments) == 0
    tasks = json.loads(capsys.readouterr().out)["pipelineSpec"]["root"]["dag"]["tasks"]
    assert not tasks["ExampleGen"]["cachingOptions"]["enableCache"]
    assert tasks["Trainer"]["cachingOptions"]["enableCache"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--target is missing: it is vertex or kubeflow."),
        (["--target", "mars"], "--target cannot be 'mars': it is vertex or kubeflow."),
        (["--target", "vertex"], "--image is missing: name the container image that `make"),
        (["--target", "vertex", "--image", "i"], "--pipeline-root is missing: name the URI"),
        (
            ["--target", "kubeflow", "--image", "i", "--pipeline-root", "/tmp/root"],
            "--pipeline-root cannot be '/tmp/root': containers share no folder",
        ),
        (
            ["--target", "vertex", "--image", "i", "--pipeline-root", "s3://root"],
            "--pipeline-root cannot be 's3://root': Vertex AI takes gs:// only.",
        ),
        (
            ["--target", "vertex", *COMPILE, "--push-destination", "serving"],
            "--push-destination cannot be 'serving'",
        ),
        (["--target", "vertex", *COMPILE, "--data", "."], "is a path of this machine, which no"),
        (["--target", "vertex", *COMPILE, "--name", "My pipeline"], "--name cannot be"),
        (["--target", "vertex", *COMPILE, "--cpu", "Trainer=many"], "--cpu cannot be 'many'"),
        (["--target", "vertex", *COMPILE, "--gpu", "T4"], "--gpu cannot be 'T4': it is COMPONENT"),
        (["--target", "vertex", *COMPILE, "--memory", "Train=4"], "there is no component Train;"),
        (["--target", "vertex", *COMPILE, "--out", "/no/such"], "--out /no/such cannot be written"),
    ],
)
def test_wrong_usage_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", *arguments]) == 2
    # In a process of its own, nothing else is written: what libraries log is captured.
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Error: ")
    assert sentence in last
