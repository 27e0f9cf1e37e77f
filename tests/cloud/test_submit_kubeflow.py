"""`submit --target kubeflow` against a server that answers as the API v2beta1 does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.cli import main
from tests.cloud.stand_in import Answer, StandIn

_API = "/apis/v2beta1"


class _Cluster:
    """Runs whose tasks end as they are told to."""

    def __init__(self) -> None:
        self.ending: dict[str, str] = {}
        self.state = "SUCCEEDED"
        self.refusal: Answer | None = None
        self.lost_after: int | None = None
        self.bodies: list[dict[str, Any]] = []
        self.experiments: list[str] = []
        self._asked = 0
        self.server = StandIn(
            {
                ("GET", f"{_API}/experiments"): self._list_experiments,
                ("POST", f"{_API}/experiments"): self._create_experiment,
                ("POST", f"{_API}/runs"): self._create,
                ("POST", f"{_API}/recurringruns"): self._create_recurring,
                ("GET", f"{_API}/runs/run-1"): self._get,
            }
        )

    def _list_experiments(self, query: Any, body: Any) -> Answer:
        if self.refusal:
            return self.refusal
        predicate = json.loads(query["filter"][0])["predicates"][0]
        return 200, {
            "experiments": [
                {"experiment_id": name, "display_name": name}
                for name in self.experiments
                if name == predicate["string_value"]
            ]
        }

    def _create_experiment(self, query: Any, body: Any) -> Answer:
        assert body.get("namespace") in (None, "", "team")
        self.experiments.append(body["display_name"])
        return 200, {"experiment_id": body["display_name"], **body}

    def _create(self, query: Any, body: Any) -> Answer:
        spec = json_format.ParseDict(
            body["pipeline_spec"].get("pipeline_spec", body["pipeline_spec"]),
            pipeline_spec_pb2.PipelineSpec(),
        )
        assert len(spec.root.dag.tasks) == 19
        self.bodies.append(body)
        return 200, {"run_id": "run-1", "state": "PENDING", **body}

    def _create_recurring(self, query: Any, body: Any) -> Answer:
        self.bodies.append(body)
        return 200, {"recurring_run_id": "recurring-1", **body}

    def _get(self, query: Any, body: Any, *_: str) -> Answer:
        self._asked += 1
        ended = self._asked > 2
        tasks = {"root": "RUNNING", "root-driver": "SUCCEEDED", "ExampleGen": "RUNNING"}
        if ended:
            tasks = {"root": self.state, "ExampleGen": "SUCCEEDED", **self.ending}
        details = [
            {"display_name": name, "state": state, "error": {"message": "exit code 1"}}
            if state == "FAILED"
            else {"display_name": name, "state": state}
            for name, state in tasks.items()
        ]
        return 200, {
            "run_id": "run-1",
            "state": self.state if ended else "RUNNING",
            "run_details": {"task_details": details},
        }


@pytest.fixture
def cluster() -> Iterator[_Cluster]:
    found = _Cluster()
    with found.server.running():
        yield found


def _submit(file: Path, cluster: _Cluster, *more: str) -> int:
    arguments = ["submit", str(file), "--target", "kubeflow", "--host", cluster.server.url]
    return main([*arguments, "--poll", "0.01", *more])


def test_a_run_to_its_end(
    cluster: _Cluster,
    kubeflow_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KUBEFLOW_TOKEN", "secret")
    cluster.ending = {"Verdict": "SUCCEEDED"}
    code = _submit(
        kubeflow_file,
        cluster,
        *("--run-name", "monday", "--experiment", "retrieval", "--service-account", "runner"),
        *("--parameter", "gate.min_top_100_accuracy=0.7", "--json"),
        *("--parameter", "data_source=gs://bucket/ratings"),
    )
    assert code == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "run": "monday",
        "address": f"{cluster.server.url}/#/runs/details/run-1",
        "verdict": "pushed",
        "reason": "the run succeeded, so that the model served is the one it made.",
    }
    assert "ExampleGen            running\nExampleGen            succeeded\n" in said.err
    [body] = cluster.bodies
    assert (body["display_name"], body["experiment_id"]) == ("monday", "retrieval")
    assert body["service_account"] == "runner"
    assert body["runtime_config"]["pipeline_root"] == "gs://bucket/artifacts"
    parameters = body["runtime_config"]["parameters"]
    assert parameters["data_source"] == "gs://bucket/ratings"
    assert json.loads(parameters["gate"])["min_top_100_accuracy"] == 0.7
    assert json.loads(parameters["gate"])["min_unseen_top_100_accuracy"] == 0.74
    headers = [headers for _, _, headers in cluster.server.requests]
    assert {sent["authorization"] for sent in headers} == {"Bearer secret"}


def test_data_under_a_uri_are_read_anew(cluster: _Cluster, kubeflow_file: Path) -> None:
    cluster.ending = {"Verdict": "SUCCEEDED"}
    assert _submit(kubeflow_file, cluster, "--parameter", "data_source=gs://bucket/a") == 0
    spec = cluster.bodies[0]["pipeline_spec"]
    tasks = spec.get("pipeline_spec", spec)["root"]["dag"]["tasks"]
    assert not tasks["ExampleGen"]["cachingOptions"].get("enableCache", False)
    assert tasks["Trainer"]["cachingOptions"]["enableCache"]


@pytest.mark.parametrize(
    ("state", "ending", "code", "sentence"),
    [
        (
            "FAILED",
            {"Verdict": "FAILED", "executor": "FAILED"},
            3,
            "not blessed: the log of the task Verdict says why, and Pusher pushed nothing.",
        ),
        ("FAILED", {"Trainer": "FAILED"}, 1, "failed: task Trainer failed: exit code 1."),
        ("FAILED", {}, 1, "failed: the run failed before any task did."),
        ("CANCELED", {}, 1, "failed: the run was cancelled."),
    ],
)
def test_other_ends(
    cluster: _Cluster,
    kubeflow_file: Path,
    capsys: pytest.CaptureFixture[str],
    state: str,
    ending: dict[str, str],
    code: int,
    sentence: str,
) -> None:
    cluster.state, cluster.ending = state, ending
    assert _submit(kubeflow_file, cluster) == code
    assert capsys.readouterr().out.splitlines()[-1] == sentence


def test_a_schedule(
    cluster: _Cluster, kubeflow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _submit(kubeflow_file, cluster, "--cron", "0 3 * * 1", "--run-name", "weekly")
    assert code == 0
    assert capsys.readouterr().out == (
        f"Scheduled: {cluster.server.url}/#/recurringrun/details/recurring-1\n"
    )
    [body] = cluster.bodies
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 1"}}
    assert (body["display_name"], body["mode"]) == ("weekly", "ENABLE")
    assert (body["no_catchup"], body["max_concurrency"]) == (True, 1)


def test_dry_run_sends_nothing(
    cluster: _Cluster, kubeflow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _submit(kubeflow_file, cluster, "--dry-run", "--run-name", "monday") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["display_name"] == "monday"
    assert shown["pipeline_spec"] == yaml.safe_load(kubeflow_file.read_text())
    assert cluster.server.requests == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "does not know who asks; set KUBEFLOW_TOKEN to a token of the cluster (no entry)."),
        (403, "does not allow it; docs/deploy.md lists what is needed (no entry)."),
        (409, "has one of this name already; give another --run-name (no entry)."),
        (429, "a quota of"),
        (503, "does not answer at present; try again later (no entry)."),
        (400, "refuses it: no entry."),
    ],
)
def test_refusals_are_one_sentence(
    cluster: _Cluster,
    kubeflow_file: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    sentence: str,
) -> None:
    cluster.refusal = (status, {"message": "no entry"})
    assert _submit(kubeflow_file, cluster) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert cluster.bodies == []


def test_a_lost_connection_is_one_sentence(
    kubeflow_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["submit", str(kubeflow_file), "--target", "kubeflow"]
    assert main([*arguments, "--host", "http://127.0.0.1:9"]) == 1
    said = capsys.readouterr().err
    assert "the connection to http://127.0.0.1:9 was lost" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--host is missing, which --target kubeflow needs."),
        (["--host", "h", "--parameter", "x=1"], "the pipeline has no parameter 'x'; it has"),
        (["--host", "h", "--parameter", "gate"], "--parameter 'gate' is not NAME=VALUE."),
        (["--host", "h", "--parameter", "gate.x=1"], "gate.x is not a configuration key"),
        (["--host", "h", "--parameter", "gate.min_top_100_accuracy=2"], "cannot be '2'"),
        (["--host", "h", "--parameter", "data_source=/data"], "is a path of this machine"),
        (["--host", "h", "--parameter", "push_destination=/x"], "containers share no folder"),
        (["--host", "h", "--cron", "daily"], "--cron cannot be 'daily': it has five fields"),
        (["--host", "h", "--cron", "CRON_TZ=CET 0 3 * * 1"], "CRON_TZ is for vertex only"),
    ],
)
def test_wrong_usage_is_one_sentence(
    kubeflow_file: Path,
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["submit", str(kubeflow_file), "--target", "kubeflow", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("text", ["{", "[]", "a: b", '{"pipelineInfo": {"name": "x"}}'])
def test_another_file_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    assert main(["submit", str(file), "--target", "kubeflow", "--host", "h"]) == 2
    assert str(file) in capsys.readouterr().err
