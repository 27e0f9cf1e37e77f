"""The commands `compile` and `submit` of `pipeline.cli`."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline import presets
from pipeline.cli import AsJson, Assignments, Data, Preset, Split, Tune, app, config_of
from pipeline.cloud.deployment import TARGETS, Target, checked_target, deployment
from pipeline.cloud.run_state import verdict_of
from pipeline.cloud.service import Service, wait
from pipeline.cloud.submission import default_run_name, read_job, with_parameters
from pipeline.failure import UsageError
from pipeline.log_capture import captured_logs
from pipeline.verdict import EXIT_CODES

_NAME = "movielens-retrieval"
_CRON = re.compile(r"(?:CRON_TZ=(?P<zone>\S+) )?(?:\S+ ){4}\S+")

TargetName = Annotated[
    str | None, typer.Option("--target", metavar="TARGET", help=f"{' or '.join(TARGETS)}.")
]


@app.command(name="compile")
def compile_pipeline(
    target: TargetName = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Container image of the tasks, see `make image`.")
    ] = None,
    pipeline_root: Annotated[
        str | None,
        typer.Option("--pipeline-root", metavar="URI", help="Artifacts go below it: gs://..."),
    ] = None,
    push_destination: Annotated[
        str | None,
        typer.Option(
            "--push-destination",
            metavar="URI",
            help="Folder of the model's versions; serving/retrieval below the root if left out.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; standard output if left out.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the pipeline, the scope of its cache.")
    ] = _NAME,
    cpu: Annotated[
        list[str] | None,
        typer.Option("--cpu", metavar="[COMPONENT=]CORES", help="Of every task, or of one."),
    ] = None,
    memory: Annotated[
        list[str] | None,
        typer.Option("--memory", metavar="[COMPONENT=]GB", help="Of every task, or of one."),
    ] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu",
            metavar="COMPONENT=TYPE[:COUNT]",
            help="NVIDIA_TESLA_T4 and the like on Vertex AI, nvidia.com/gpu on Kubeflow.",
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, max=10, help="How often a failed task is repeated.")
    ] = 1,
    task_cache: Annotated[
        bool, typer.Option("--task-cache/--no-task-cache", help="Reuse what has not changed.")
    ] = True,
    data: Data = None,
    split: Split = None,
    preset: Preset = presets.DEFAULT,
    assignments: Assignments = None,
    tune: Tune = False,
) -> None:
    """Compile the pipeline for Vertex AI Pipelines or Kubeflow Pipelines.

    Writes a pipeline job as JSON (vertex), or a pipeline specification as YAML (kubeflow).
    """
    config = config_of(preset, assignments, {"data.source": data, "split.method": split})
    where = deployment(
        target,
        name,
        image,
        pipeline_root,
        push_destination,
        cpu or [],
        memory or [],
        gpu or [],
        retries,
        task_cache,
    )
    with _needed_packages(), captured_logs():
        from pipeline.cloud.spec import compile_job

        job = compile_job(config, where, tune)
    text = _rendered(job, where.target)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}.") from error
    print(f"Wrote {out}.")


@app.command()
def submit(
    spec: Annotated[Path, typer.Argument(metavar="FILE", help="What `compile` wrote.")],
    target: TargetName = None,
    project: Annotated[
        str | None, typer.Option("--project", help="vertex: the Google Cloud project.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="vertex: the region, such as europe-west4.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="vertex: address of a private endpoint.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="URL", help="kubeflow: address of the API.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="kubeflow: your profile, if there are any.")
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", help="kubeflow: what runs are grouped by.")
    ] = "Default",
    service_account: Annotated[
        str | None, typer.Option("--service-account", help="Account that the tasks act as.")
    ] = None,
    run_name: Annotated[
        str | None,
        typer.Option("--run-name", help="Of the run or schedule; the pipeline's, and the time."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            metavar="NAME=VALUE",
            help="data_source, push_destination or gate.BOUND of this run; may be repeated.",
        ),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option("--cron", help="Make a schedule instead of a run: five fields, as cron has."),
    ] = None,
    to_end: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the end, and tell the verdict.")
    ] = True,
    poll: Annotated[
        float, typer.Option("--poll", min=0.01, metavar="SECONDS", help="Time between questions.")
    ] = 15.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a compiled pipeline on Vertex AI Pipelines or Kubeflow Pipelines, or schedule it.

    Exit code 0: pushed, unchanged or (with --no-wait or --cron) accepted. 1: an error. 2: wrong
    usage. 3: the model was not blessed.
    """
    checked = checked_target(target)
    if cron is not None:
        _check_cron(cron, checked)
    job = with_parameters(read_job(spec), parameters or [], checked)
    name = run_name or default_run_name(job)
    service = _service(
        checked, project, region, endpoint, host, namespace, experiment, service_account, dry_run
    )
    if dry_run:
        print(json.dumps(service.request(job, name, cron), indent=1, sort_keys=True))
        return
    tell = _teller(as_json)
    if cron is not None:
        address = service.schedule(job, name, cron)
        tell(f"Scheduled: {address}")
        _end(as_json, {"schedule": name, "address": address}, 0)
    address = service.submit(job, name)
    tell(f"Submitted: {address}")
    if not to_end:
        _end(as_json, {"run": name, "address": address}, 0)
    outcome, reason = verdict_of(wait(service, tell, poll))
    tell(f"{outcome.replace('_', ' ')}: {reason}")
    report = {"run": name, "address": address, "verdict": outcome, "reason": reason}
    _end(as_json, report, EXIT_CODES[outcome])


def _service(
    target: Target,
    project: str | None,
    region: str | None,
    endpoint: str | None,
    host: str | None,
    namespace: str | None,
    experiment: str,
    service_account: str | None,
    dry_run: bool,
) -> Service:
    needed = {"vertex": {"--project": project, "--region": region}, "kubeflow": {"--host": host}}
    for option, value in needed[target].items():
        if not value:
            raise UsageError(f"{option} is missing, which --target {target} needs.")
    with _needed_packages(), captured_logs():
        if target == "vertex":
            from pipeline.cloud.vertex import Vertex

            return Vertex(str(project), str(region), service_account, endpoint, not dry_run)
        from pipeline.cloud.kubeflow import Kubeflow

        return Kubeflow(str(host), namespace, experiment, service_account)


def _check_cron(cron: str, target: Target) -> None:
    match = _CRON.fullmatch(cron)
    if match is None:
        raise UsageError(f"--cron cannot be {cron!r}: it has five fields, such as '0 3 * * 1'.")
    if match["zone"] and target == "kubeflow":
        raise UsageError("--cron with CRON_TZ is for vertex only: the cluster's schedules are UTC.")


def _rendered(job: dict[str, Any], target: Target) -> str:
    if target == "vertex":
        return json.dumps(job, indent=1, sort_keys=True) + "\n"
    return yaml.safe_dump(job["pipelineSpec"], sort_keys=True)


def _teller(as_json: bool) -> Any:
    stream = sys.stderr if as_json else sys.stdout

    def tell(line: str) -> None:
        print(line, file=stream, flush=True)

    return tell


def _end(as_json: bool, report: dict[str, Any], code: int) -> None:
    if as_json:
        print(json.dumps(report))
    raise typer.Exit(code)


@contextlib.contextmanager
def _needed_packages() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("kfp", "kfp_server_api", "google"):
            raise
        raise UsageError(
            f"the package {error.name} is missing: install the extra kfp, with Python below 3.12."
        ) from error
