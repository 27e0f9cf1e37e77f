"""Where Beam runs: one section of the configuration, turned into Beam's own options.

Names of options are those of Apache Beam's `PipelineOptions` and of Dataflow's documentation
(https://cloud.google.com/dataflow/docs/reference/pipeline-options).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, model_validator

from pipeline.section import Section

Engine = Literal["local", "multiprocess", "dataflow", "flink", "spark"]
EnvironmentType = Literal["DOCKER", "PROCESS", "EXTERNAL", "LOOPBACK"]

# The in-process runner itself: Beam's DirectRunner first tries to download another one.
_FN_API_RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# An image that is named, though never used, keeps TFX from packaging itself for every component.
_NO_IMAGE = "--sdk_container_image=unused"
# Type inference at construction is a tenth of a short Beam component, and TFX's pipelines are
# fixed.
_NO_TYPE_CHECK = "--no_pipeline_type_check"

_CLUSTER = frozenset(
    {"master", "job_endpoint", "job_server_jar", "environment_type", "environment", "image"}
)
_TAKES: dict[str, frozenset[str]] = {
    "local": frozenset(),
    "multiprocess": frozenset({"workers"}),
    "dataflow": frozenset(
        {
            "project",
            "region",
            "temp_location",
            "staging_location",
            "image",
            "workers",
            "max_workers",
            "machine_type",
            "service_account",
        }
    ),
    "flink": _CLUSTER | {"workers"},
    "spark": _CLUSTER,
}
_NEEDS = {"dataflow": ("project", "region", "temp_location", "image")}


class BeamSection(Section):
    """The engine of all Beam components, and what it has to know.

    Attributes:
        engine: `local`, in this process; `multiprocess`, in processes of this machine; `dataflow`,
            `flink` or `spark`.
        workers: Processes of `multiprocess` (2 if not given), workers that `dataflow` starts with,
            or parallelism of `flink`.
        max_workers: Most workers of `dataflow`.
        machine_type: Machine type of a worker of `dataflow`.
        image: Container image of the workers: this package and its requirements, on the same
            versions of Python and Beam as here.
        project: Google Cloud project of `dataflow`.
        region: Google Cloud region of `dataflow`.
        temp_location: Folder of `dataflow` for temporary files, gs://.
        staging_location: Folder of `dataflow` for what it sends to workers; `temp_location` if not
            given.
        service_account: Account that the workers of `dataflow` act as.
        master: Address of the `flink` job manager or URL of the `spark` master, for a job server
            that Beam starts here (it needs Java).
        job_endpoint: Address of a Beam job server that runs already, instead of `master`.
        job_server_jar: The job server that Beam starts for `master`; Beam downloads the one of its
            version if not given.
        environment_type: How workers of `flink` and `spark` run Python: `DOCKER` in `image`,
            `EXTERNAL` at the worker pool at address `environment`, `PROCESS` by the command that
            `environment` describes, `LOOPBACK` in this process (for trying out).
        environment: See `environment_type`.
        options: Further options of Beam as they are, such as `--subnetwork=...`; the last ones.
    """

    engine: Engine = "local"
    workers: int | None = Field(default=None, ge=1)
    max_workers: int | None = Field(default=None, ge=1)
    machine_type: str | None = None
    image: str | None = None
    project: str | None = None
    region: str | None = None
    temp_location: str | None = Field(default=None, pattern="^gs://.")
    staging_location: str | None = Field(default=None, pattern="^gs://.")
    service_account: str | None = None
    master: str | None = None
    job_endpoint: str | None = None
    job_server_jar: str | None = None
    environment_type: EnvironmentType | None = None
    environment: str | None = None
    options: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> BeamSection:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        foreign = given - _TAKES[self.engine] - {"engine", "options"}
        if foreign:
            raise ValueError(f"the engine {self.engine} takes no {_listed(foreign)}; remove it")
        missing = [name for name in _NEEDS.get(self.engine, ()) if name not in given]
        if missing:
            self._refuse(_listed(missing), missing[0])
        if self.engine in ("flink", "spark"):
            self._check_cluster()
        unfit = [option for option in self.options if not option.startswith("--")]
        if unfit:
            raise ValueError(f"options have to begin with --, unlike {unfit[0]!r}")
        return self

    def _check_cluster(self) -> None:
        if bool(self.master) == bool(self.job_endpoint):
            self._refuse("either master or job_endpoint", "job_endpoint")
        if self.environment_type is None:
            self._refuse("environment_type", "environment_type")
        if self.environment_type == "DOCKER" and not self.image:
            self._refuse("image for workers in DOCKER", "image")
        if self.environment_type in ("PROCESS", "EXTERNAL") and not self.environment:
            self._refuse(f"environment for workers in {self.environment_type}", "environment")

    def _refuse(self, what: str, key: str) -> None:
        raise ValueError(f"the engine {self.engine} needs {what}: add --set beam.{key}=VALUE")


def beam_arguments(section: BeamSection) -> list[str]:
    """What Beam has to be told, part of the cache key of every Beam component.

    Args:
        section: The engine.
    """
    options = {
        "local": _local,
        "multiprocess": _multiprocess,
        "dataflow": _dataflow,
        "flink": _cluster,
        "spark": _cluster,
    }[section.engine](section)
    return [*options, _NO_TYPE_CHECK, *section.options]


def _local(section: BeamSection) -> list[str]:
    return [_FN_API_RUNNER, _NO_IMAGE]


def _multiprocess(section: BeamSection) -> list[str]:
    return [
        _FN_API_RUNNER,
        _NO_IMAGE,
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={section.workers or 2}",
    ]


def _dataflow(section: BeamSection) -> list[str]:
    assert section.temp_location is not None
    return [
        "--runner=DataflowRunner",
        *_options(
            project=section.project,
            region=section.region,
            temp_location=section.temp_location,
            staging_location=section.staging_location or section.temp_location,
            sdk_container_image=section.image,
            num_workers=section.workers,
            max_num_workers=section.max_workers,
            worker_machine_type=section.machine_type,
            service_account_email=section.service_account,
        ),
        # The image has this package and its requirements: workers install nothing, and need nothing
        # of the main module of the process that submits, which Beam would send along.
        "--sdk_location=container",
        "--no_save_main_session",
    ]


def _cluster(section: BeamSection) -> list[str]:
    is_flink = section.engine == "flink"
    names = {
        "flink_master" if is_flink else "spark_master_url": section.master,
        f"{section.engine}_job_server_jar": section.job_server_jar,
        "job_endpoint": section.job_endpoint,
        "parallelism": section.workers,
        "environment_type": section.environment_type,
        "environment_config": section.image or section.environment,
    }
    runner = "--runner=FlinkRunner" if is_flink else "--runner=SparkRunner"
    image = f"--sdk_container_image={section.image}" if section.image else _NO_IMAGE
    return [runner, *_options(**names), image]


def _options(**values: str | int | None) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items() if value is not None]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
