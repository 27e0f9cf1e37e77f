"""Vertex AI Pipelines, through google-cloud-aiplatform."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth.credentials
import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.cloud import aiplatform
from google.protobuf import json_format

from pipeline.cloud.job import EVALUATOR, INDEX_VALIDATOR, PUSHER
from pipeline.cloud.run_state import RunState, State
from pipeline.failure import ServiceError

_STATES: dict[str, State] = {
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "RUNNING": "running",
    "CANCELLING": "running",
    "CANCEL_PENDING": "running",
}
# What the REST client puts before what the service says.
_REQUEST = re.compile(r"^[A-Z]+ https?://\S+: ")
_TASK_STATES: dict[str, State] = {**_STATES, "SKIPPED": "succeeded"}


class Vertex:
    """Vertex AI Pipelines of one project and region.

    Args:
        project: Google Cloud project.
        region: Google Cloud region.
        service_account: Account that the tasks act as; the project's default if None.
        endpoint: Address in place of the region's own, such as that of a private endpoint.
        signed_in: Whether to look for credentials, which `request` does without.
    """

    def __init__(
        self,
        project: str,
        region: str,
        service_account: str | None,
        endpoint: str | None,
        signed_in: bool,
    ) -> None:
        self._service_account = service_account
        self._job: aiplatform.PipelineJob | None = None
        # A token must not go over a line that anybody can read.
        is_plain = endpoint is not None and endpoint.startswith("http://")
        nobody = google.auth.credentials.AnonymousCredentials()
        with _one_sentence():
            aiplatform.init(
                project=project,
                location=region,
                api_endpoint=endpoint,
                api_transport="rest",
                credentials=nobody if is_plain or not signed_in else None,
            )

    def request(self, job: dict[str, Any], run_name: str, cron: str | None) -> dict[str, Any]:
        """The body of what `submit` or `schedule` would send."""
        made = self._made(job, run_name)
        if self._service_account:
            made._gca_resource.service_account = self._service_account
        body: dict[str, Any] = json_format.MessageToDict(made._gca_resource._pb)
        if cron is None:
            return {"parent": made._parent, "pipelineJobId": made.job_id, "pipelineJob": body}
        create = {"parent": made._parent, "pipelineJob": body}
        return {
            "parent": made._parent,
            "schedule": {
                "displayName": run_name,
                "cron": cron,
                "maxConcurrentRunCount": "1",
                "createPipelineJobRequest": create,
            },
        }

    def submit(self, job: dict[str, Any], run_name: str) -> str:
        """Starts a run and returns its address in the console."""
        self._job = self._made(job, run_name)
        with _one_sentence():
            self._job.submit(service_account=self._service_account)
        return str(self._job._dashboard_uri())

    def schedule(self, job: dict[str, Any], name: str, cron: str) -> str:
        """Makes a schedule and returns its resource name."""
        made = self._made(job, name)
        with _one_sentence():
            schedule = made.create_schedule(
                cron=cron, display_name=name, service_account=self._service_account
            )
        return str(schedule.resource_name)

    def state(self) -> RunState:
        """The run that `submit` started, as it is now."""
        assert self._job is not None
        with _one_sentence():
            state = self._job.state
            details = list(self._job.task_details)
        tasks = {detail.task_name: detail for detail in details}
        return RunState(
            state=_STATES.get(state.name.removeprefix("PIPELINE_STATE_"), "waiting"),
            # Vertex AI counts the whole run as a task too.
            tasks={
                name: _TASK_STATES.get(detail.state.name, "waiting")
                for name, detail in tasks.items()
                if name in self._job.pipeline_spec["root"]["dag"]["tasks"]
            },
            errors={
                name: " ".join(detail.error.message.split())
                for name, detail in tasks.items()
                if detail.error.message
            },
            outcome=_property(tasks, PUSHER, "pushed_model", "outcome"),
            reasons=[
                reason
                for task, output in (
                    (EVALUATOR, "blessing"),
                    (INDEX_VALIDATOR, "infra_blessing"),
                )
                for reason in json.loads(_property(tasks, task, output, "reasons") or "[]")
            ],
        )

    def _made(self, job: dict[str, Any], run_name: str) -> aiplatform.PipelineJob:
        with tempfile.TemporaryDirectory() as folder, _one_sentence():
            template = Path(folder) / "job.json"
            template.write_text(json.dumps(job), encoding="utf-8")
            return aiplatform.PipelineJob(
                display_name=run_name,
                job_id=run_name,
                template_path=str(template),
                pipeline_root=job["runtimeConfig"]["gcsOutputDirectory"],
                labels=job.get("labels"),
            )


def _property(tasks: dict[str, Any], task: str, output: str, name: str) -> str | None:
    if task not in tasks or output not in tasks[task].outputs:
        return None
    [artifact] = tasks[task].outputs[output].artifacts
    value = artifact.metadata.get(name)
    return None if value is None else str(value)


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """Makes one sentence of what the service, or the way to it, does not do."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # the library tells people what `submit` tells them itself
    try:
        yield
    except (exceptions.Unauthenticated, google.auth.exceptions.GoogleAuthError) as error:
        raise ServiceError(
            "Vertex AI does not know who asks; sign in with `gcloud auth application-default"
            f" login` or set GOOGLE_APPLICATION_CREDENTIALS ({_said(error)})."
        ) from error
    except exceptions.Forbidden as error:
        raise ServiceError(
            f"Vertex AI does not allow it; docs/deploy.md lists the roles needed ({_said(error)})."
        ) from error
    except exceptions.TooManyRequests as error:
        raise ServiceError(
            f"a quota of the project is used up; try again later or ask for more ({_said(error)})."
        ) from error
    except exceptions.Conflict as error:
        raise ServiceError(
            f"there is a run of this name already; give another --run-name ({_said(error)})."
        ) from error
    except (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        exceptions.RetryError,
        exceptions.ServiceUnavailable,
        exceptions.GatewayTimeout,
    ) as error:
        raise ServiceError(
            "the connection to Vertex AI was lost; a run that has started goes on, and its page in"
            f" the console shows it ({_said(error)})."
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise ServiceError(f"Vertex AI refuses it: {_said(error)}.") from error
    except ValueError as error:
        raise ServiceError(f"Vertex AI could not take it: {_said(error)}.") from error
    finally:
        logging.disable(disabled)


def _said(error: Exception) -> str:
    message = str(error.message if isinstance(error, exceptions.GoogleAPICallError) else error)
    return " ".join(_REQUEST.sub("", message).split()).rstrip(".")
