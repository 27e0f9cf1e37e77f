"""Kubeflow Pipelines of a cluster, through kfp's client."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kfp_server_api
import urllib3
import yaml
from google.protobuf import json_format
from kfp import client as kfp_client
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.cloud.run_state import RunState, State
from pipeline.failure import ServiceError

TOKEN = "KUBEFLOW_TOKEN"

_STATES: dict[str | None, State] = {
    "SUCCEEDED": "succeeded",
    "SKIPPED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "cancelled",
    "RUNNING": "running",
    "CANCELING": "running",
    "PAUSED": "running",
}
# Its scheduler's first field is the second.
_AT_SECOND_0 = "0 "


class Kubeflow:
    """Kubeflow Pipelines at one address.

    The token in the environment variable KUBEFLOW_TOKEN is sent, if there is one; else kfp's client
    finds credentials as its documentation says.

    Args:
        host: Address of the API.
        namespace: Namespace of the runs, where the cluster has users; None where it has not.
        experiment: Name of the experiment that runs belong to; made if there is none.
        service_account: Kubernetes account that the tasks act as; the cluster's default if None.
    """

    def __init__(
        self, host: str, namespace: str | None, experiment: str, service_account: str | None
    ) -> None:
        self._experiment = experiment
        self._namespace = namespace
        self._service_account = service_account
        self._host = host.rstrip("/")
        self._run_id: str | None = None
        self._tasks: set[str] = set()

    def request(self, job: dict[str, Any], run_name: str, cron: str | None) -> dict[str, Any]:
        """The body of what `submit` or `schedule` would send."""
        body: dict[str, Any] = {
            "display_name": run_name,
            "pipeline_spec": _checked_spec(job),
            "runtime_config": {
                "parameters": job["runtimeConfig"]["parameterValues"],
                "pipeline_root": job["runtimeConfig"]["gcsOutputDirectory"],
            },
        }
        if self._service_account:
            body["service_account"] = self._service_account
        if cron is not None:
            body |= {
                "mode": "ENABLE",
                "max_concurrency": 1,
                "no_catchup": True,
                "trigger": {"cron_schedule": {"cron": _AT_SECOND_0 + cron}},
            }
        return body

    def submit(self, job: dict[str, Any], run_name: str) -> str:
        """Starts a run and returns its address."""
        self._tasks = set(job["pipelineSpec"]["root"]["dag"]["tasks"])
        with _one_sentence(self._host), _package(job) as package:
            client = self._client()
            experiment = client.create_experiment(self._experiment, namespace=self._namespace)
            run = client.run_pipeline(
                experiment_id=experiment.experiment_id,
                job_name=run_name,
                pipeline_package_path=package,
                params=job["runtimeConfig"]["parameterValues"],
                pipeline_root=job["runtimeConfig"]["gcsOutputDirectory"],
                service_account=self._service_account,
            )
        self._run_id = run.run_id
        return f"{self._host}/#/runs/details/{run.run_id}"

    def schedule(self, job: dict[str, Any], name: str, cron: str) -> str:
        """Makes a recurring run and returns its address."""
        with _one_sentence(self._host), _package(job) as package:
            client = self._client()
            experiment = client.create_experiment(self._experiment, namespace=self._namespace)
            recurring = client.create_recurring_run(
                experiment_id=experiment.experiment_id,
                job_name=name,
                cron_expression=_AT_SECOND_0 + cron,
                no_catchup=True,
                pipeline_package_path=package,
                params=job["runtimeConfig"]["parameterValues"],
                pipeline_root=job["runtimeConfig"]["gcsOutputDirectory"],
                service_account=self._service_account,
            )
        return f"{self._host}/#/recurringrun/details/{recurring.recurring_run_id}"

    def state(self) -> RunState:
        """The run that `submit` started, as it is now."""
        # kfp's own wait knows no cancelled run, and would never end.
        with _one_sentence(self._host):
            run = self._client().get_run(self._run_id)
        details = (run.run_details and run.run_details.task_details) or []
        # The drivers and the graph are tasks here too.
        tasks = {
            detail.display_name: detail for detail in details if detail.display_name in self._tasks
        }
        return RunState(
            state=_STATES.get(run.state, "waiting"),
            tasks={name: _STATES.get(task.state, "waiting") for name, task in tasks.items()},
            errors={
                name: " ".join((task.error.message or "").split())
                for name, task in tasks.items()
                if task.error is not None
            },
        )

    def _client(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Without a namespace it would ask for the cluster's health, five times if it gets none.
            client = kfp_client.Client(
                host=self._host,
                namespace=self._namespace or "none",
                existing_token=os.environ.get(TOKEN),
            )
        # A cluster without users takes none.
        client._context_setting["namespace"] = self._namespace or ""
        return client


def _checked_spec(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["pipelineSpec"]
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    return spec


@contextlib.contextmanager
def _package(job: dict[str, Any]) -> Iterator[str]:
    """A file of the form that the client takes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(yaml.safe_dump(_checked_spec(job)), encoding="utf-8")
        yield str(file)


@contextlib.contextmanager
def _one_sentence(host: str) -> Iterator[None]:
    """Makes one sentence of what the cluster, or the way to it, does not do."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # urllib3 warns of each retry
    try:
        with contextlib.redirect_stdout(sys.stderr):  # where the client prints addresses
            yield
    except kfp_server_api.ApiException as error:
        raise ServiceError(_sentence(error, host)) from error
    except urllib3.exceptions.HTTPError as error:
        raise ServiceError(
            f"the connection to {host} was lost; a run that has started goes on, and its page there"
            f" shows it ({_words(error)})."
        ) from error
    finally:
        logging.disable(disabled)


def _sentence(error: kfp_server_api.ApiException, host: str) -> str:
    said = _words(_message(error))
    if error.status == 401:
        return f"{host} does not know who asks; set {TOKEN} to a token of the cluster ({said})."
    if error.status == 403:
        return f"{host} does not allow it; docs/deploy.md lists what is needed ({said})."
    if error.status == 409:
        return f"{host} has one of this name already; give another --run-name ({said})."
    if error.status == 429:
        return f"a quota of {host} is used up; try again later ({said})."
    if error.status in (502, 503, 504):
        return f"{host} does not answer at present; try again later ({said})."
    return f"{host} refuses it: {said}."


def _message(error: kfp_server_api.ApiException) -> object:
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return error.reason
    return body.get("message") or body.get("error") or error.reason


def _words(value: object) -> str:
    return " ".join(str(value).split()).rstrip(".")
