"""`submit --target vertex` against a server that answers as the REST API v1 does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import aiplatform_v1
from google.cloud.aiplatform import initializer
from google.protobuf import json_format

from pipeline.cli import main
from tests.cloud.stand_in import Answer, StandIn

_PARENT = "projects/shop/locations/europe-west4"


class _Region:
    """Runs whose tasks end as they are told to."""

    def __init__(self) -> None:
        self.state = "PIPELINE_STATE_SUCCEEDED"
        self.tasks: list[dict[str, Any]] = []
        self.refusal: Answer | None = None
        self.jobs: dict[str, dict[str, Any]] = {}
        self.schedules: list[dict[str, Any]] = []
        self._asked = 0
        self.server = StandIn(
            {
                ("POST", f"/v1/{_PARENT}/pipelineJobs"): self._create,
                ("GET", f"/v1/({_PARENT}/pipelineJobs/.+)"): self._get,
                ("POST", f"/v1/{_PARENT}/schedules"): self._create_schedule,
                ("POST", f"/v1beta1/{_PARENT}/schedules"): self._create_schedule,
            }
        )

    def _create(self, query: Any, body: Any) -> Answer:
        if self.refusal:
            return self.refusal
        json_format.ParseDict(body, aiplatform_v1.PipelineJob()._pb)
        name = f"{_PARENT}/pipelineJobs/{query['pipelineJobId'][0]}"
        self.jobs[name] = {**body, "name": name, "state": "PIPELINE_STATE_PENDING"}
        return 200, self.jobs[name]

    def _get(self, query: Any, body: Any, name: str) -> Answer:
        self._asked += 1
        job = dict(self.jobs[name])
        job["state"] = "PIPELINE_STATE_RUNNING"
        tasks = [{"taskId": "1", "taskName": "ExampleGen", "state": "RUNNING"}]
        if self._asked > 4:
            job["state"] = self.state
            tasks = [{"taskId": "1", "taskName": "ExampleGen", "state": "SUCCEEDED"}, *self.tasks]
        run = {"taskId": "0", "taskName": name.rpartition("/")[2], "state": "RUNNING"}
        return 200, {**job, "jobDetail": {"taskDetails": [run, *tasks]}}

    def _create_schedule(self, query: Any, body: Any) -> Answer:
        if self.refusal:
            return self.refusal
        json_format.ParseDict(body, aiplatform_v1.Schedule()._pb)
        self.schedules.append(body)
        return 200, {**body, "name": f"{_PARENT}/schedules/1"}


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Region]:
    found = _Region()
    # The client looks for the bucket first, goes on without, and must not look elsewhere.
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", found.server.url)
    with found.server.running():
        yield found


def _submit(file: Path, url: str, *more: str) -> int:
    arguments = ["submit", str(file), "--target", "vertex", "--project", "shop"]
    arguments += ["--region", "europe-west4", "--endpoint", url, "--poll", "0.01"]
    return main([*arguments, *more])


def _task(name: str, state: str, **outputs: dict[str, Any]) -> dict[str, Any]:
    task: dict[str, Any] = {"taskId": "2", "taskName": name, "state": state}
    if state == "FAILED":
        task["error"] = {"code": 9, "message": "The replica exited with code 1."}
    task["outputs"] = {
        output: {"artifacts": [{"metadata": metadata}]} for output, metadata in outputs.items()
    }
    return task


def test_a_run_to_its_end(
    region: _Region, vertex_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region.tasks = [_task("Pusher", "SUCCEEDED", pushed_model={"outcome": "unchanged"})]
    account = "runner@shop.iam.gserviceaccount.com"
    code = _submit(
        vertex_file,
        region.server.url,
        *("--run-name", "monday", "--service-account", account, "--json"),
        *("--parameter", "push_destination=gs://other/models"),
    )
    assert code == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["verdict"] == "unchanged"
    assert report["address"].endswith("/europe-west4/pipelines/runs/monday?project=shop")
    assert "ExampleGen            running\nExampleGen            succeeded\n" in said.err
    job = region.jobs[f"{_PARENT}/pipelineJobs/monday"]
    assert (job["displayName"], job["serviceAccount"]) == ("monday", account)
    runtime = job["runtimeConfig"]
    assert runtime["gcsOutputDirectory"] == "gs://bucket/artifacts"
    assert runtime["parameterValues"]["push_destination"] == "gs://other/models"
    compiled = json.loads(vertex_file.read_text())["pipelineSpec"]
    assert job["pipelineSpec"] == compiled


@pytest.mark.parametrize(
    ("state", "tasks", "code", "sentence"),
    [
        (
            "PIPELINE_STATE_FAILED",
            [
                _task(
                    "Evaluator",
                    "SUCCEEDED",
                    blessing={
                        "reasons": json.dumps(
                            [
                                {"passed": True, "sentence": "coverage is fine"},
                                {"passed": False, "sentence": "accuracy is 0.1, below 0.5"},
                            ]
                        )
                    },
                ),
                _task("Verdict", "FAILED"),
            ],
            3,
            "not blessed: accuracy is 0.1, below 0.5.",
        ),
        (
            "PIPELINE_STATE_FAILED",
            [_task("Trainer", "FAILED")],
            1,
            "failed: task Trainer failed: The replica exited with code 1.",
        ),
        ("PIPELINE_STATE_CANCELLED", [], 1, "failed: the run was cancelled."),
    ],
)
def test_other_ends(
    region: _Region,
    vertex_file: Path,
    capsys: pytest.CaptureFixture[str],
    state: str,
    tasks: list[dict[str, Any]],
    code: int,
    sentence: str,
) -> None:
    region.state, region.tasks = state, tasks
    assert _submit(vertex_file, region.server.url) == code
    assert capsys.readouterr().out.splitlines()[-1] == sentence


def test_a_schedule(region: _Region, vertex_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cron = "CRON_TZ=Europe/Amsterdam 0 3 * * 1"
    code = _submit(vertex_file, region.server.url, "--cron", cron, "--run-name", "weekly")
    assert code == 0
    assert capsys.readouterr().out == f"Scheduled: {_PARENT}/schedules/1\n"
    [schedule] = region.schedules
    assert (schedule["displayName"], schedule["cron"]) == ("weekly", cron)
    assert schedule["maxConcurrentRunCount"] == "1"
    created = schedule["createPipelineJobRequest"]
    assert created["parent"] == _PARENT
    # A fixed id would be taken from the second run on.
    assert "pipelineJobId" not in created


def test_dry_run_sends_nothing(
    region: _Region, vertex_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _submit(vertex_file, region.server.url, "--dry-run", "--run-name", "monday") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["parent"], shown["pipelineJobId"]) == (_PARENT, "monday")
    json_format.ParseDict(shown["pipelineJob"], aiplatform_v1.PipelineJob()._pb)
    assert region.server.requests == []


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (401, "UNAUTHENTICATED", "Vertex AI does not know who asks; sign in with `gcloud auth"),
        (403, "PERMISSION_DENIED", "Vertex AI does not allow it; docs/deploy.md lists the roles"),
        (409, "ALREADY_EXISTS", "there is a run of this name already; give another --run-name"),
        (429, "RESOURCE_EXHAUSTED", "a quota of the project is used up; try again later"),
        (503, "UNAVAILABLE", "the connection to Vertex AI was lost"),
        (400, "INVALID_ARGUMENT", "Vertex AI refuses it: no entry."),
    ],
)
def test_refusals_are_one_sentence(
    region: _Region,
    vertex_file: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    code: str,
    sentence: str,
) -> None:
    error = {"code": status, "message": "no entry", "status": code}
    region.refusal = (status, {"error": error})
    assert _submit(vertex_file, region.server.url) == 1
    said = capsys.readouterr().err
    assert sentence in said
    # The client asks for a fresh token first, and there is none.
    assert ("cannot be refreshed" if status == 401 else "no entry") in said
    assert said.count("\n") == 1
    assert region.jobs == {}


def test_a_lost_connection_is_one_sentence(
    region: _Region, vertex_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _submit(vertex_file, "http://127.0.0.1:9") == 1
    said = capsys.readouterr().err
    assert "the connection to Vertex AI was lost" in said
    assert said.count("\n") == 1


def test_missing_credentials_are_one_sentence(
    vertex_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # As in a process that has asked nothing yet.
    monkeypatch.setattr(initializer.global_config, "_credentials", None)
    monkeypatch.setattr(initializer.global_config, "_api_endpoint", None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    arguments = ["submit", str(vertex_file), "--target", "vertex", "--project", "shop"]
    arguments += ["--region", "europe-west4"]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "Vertex AI does not know who asks" in said
    assert said.count("\n") == 1
    # Nothing is sent, so that nobody has to sign in.
    assert main([*arguments, "--dry-run"]) == 0


def test_missing_values_are_one_sentence(
    vertex_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", str(vertex_file), "--target", "vertex", "--region", "r"]) == 2
    assert "--project is missing, which --target vertex needs." in capsys.readouterr().err
