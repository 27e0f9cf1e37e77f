"""The section `beam` of the configuration: complete, or refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apache_beam.options import pipeline_options
from apache_beam.runners.runner import create_runner

from pipeline import presets
from pipeline.beam_engines import BeamSection, beam_arguments
from pipeline.cli import main
from pipeline.failure import UsageError

COMPLETE: dict[str, dict[str, Any]] = {
    "local": {},
    "multiprocess": {"workers": 3},
    "dataflow": {
        "project": "p",
        "region": "r",
        "temp_location": "gs://b/t",
        "image": "i",
        "options": ("--subnetwork=s",),
    },
    "flink": {"master": "host:8081", "environment_type": "DOCKER", "image": "i", "workers": 4},
    "spark": {
        "job_endpoint": "host:8099",
        "environment_type": "EXTERNAL",
        "environment": "host:50000",
    },
}


def _options(engine: str) -> pipeline_options.PipelineOptions:
    section = BeamSection.model_validate({"engine": engine, **COMPLETE[engine]})
    arguments = beam_arguments(section)
    options = pipeline_options.PipelineOptions(arguments)
    unknown = [name for name in arguments if name.split("=")[0][2:] not in _known()]
    assert unknown == []
    return options


def _known() -> set[str]:
    """Every option of Beam, by which a misspelt one would be ignored in silence."""
    parser = pipeline_options._BeamArgumentParser()
    for section in pipeline_options.PipelineOptions.__subclasses__():
        section._add_argparse_args(parser)
    return {name.lstrip("-") for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("engine", COMPLETE)
def test_engines_are_options_that_beam_knows(engine: str) -> None:
    options = _options(engine).get_all_options()
    of_engine: dict[str, dict[str, Any]] = {
        "local": {"direct_running_mode": "in_memory", "sdk_container_image": "unused"},
        "multiprocess": {"direct_running_mode": "multi_processing", "direct_num_workers": 3},
        "dataflow": {"project": "p", "staging_location": "gs://b/t", "subnetwork": "s"},
        "flink": {"flink_master": "host:8081", "environment_config": "i", "parallelism": 4},
        "spark": {"job_endpoint": "host:8099", "environment_config": "host:50000"},
    }
    expected = of_engine[engine]
    assert {name: options[name] for name in expected} == expected
    assert options["pipeline_type_check"] is False


@pytest.mark.parametrize(
    ("engine", "runner"),
    [
        ("local", "FnApiRunner"),
        ("multiprocess", "FnApiRunner"),
        ("dataflow", "DataflowRunner"),
        ("flink", "FlinkRunner"),
        ("spark", "SparkRunner"),
    ],
)
def test_an_engine_is_a_runner_of_beam(engine: str, runner: str) -> None:
    name = _options(engine).view_as(pipeline_options.StandardOptions).runner
    assert type(create_runner(name)).__name__ == runner


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (["engine=cloud"], "'local', 'multiprocess', 'dataflow', 'flink' or 'spark'"),
        (["engine=dataflow"], "dataflow needs image, project, region, temp_location"),
        (["engine=dataflow", "image=i", "region=r", "project=p"], "needs temp_location"),
        (["temp_location=/tmp"], "temp_location cannot be '/tmp'"),
        (["region=r"], "the engine local takes no region"),
        (["engine=multiprocess", "workers=0"], "workers cannot be '0'"),
        (["engine=flink"], "flink needs either master or job_endpoint"),
        (["engine=flink", "master=m"], "flink needs environment_type"),
        (["engine=spark", "master=m", "environment_type=DOCKER"], "needs image for workers in D"),
        (["engine=spark", "master=m", "environment_type=EXTERNAL"], "needs environment for"),
        (["engine=spark", "master=m", "job_endpoint=j"], "either master or job_endpoint"),
        (["options=['x']"], "options have to begin with --, unlike 'x'"),
    ],
)
def test_what_an_engine_lacks_is_told_in_one_sentence(
    assignments: list[str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        presets.load("default", [f"beam.{assignment}" for assignment in assignments])
    assert "\n" not in str(caught.value)


def test_nothing_is_started_by_an_incomplete_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--output", str(tmp_path / "output"), "--beam", "dataflow"]
    assert main(arguments) == 2
    for name in ("project", "region", "image"):
        arguments += ["--set", f"beam.{name}=x"]
    assert main([*arguments, "--set", "beam.temp_location=gs://b/t"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "add --set artifacts.root=URL" in told[1]
    assert not (tmp_path / "output").exists()
