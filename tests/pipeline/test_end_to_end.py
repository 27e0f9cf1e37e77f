"""The command line on a generated data set, with the real TFX runner, components and metadata."""

from __future__ import annotations

import collections
import dataclasses
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.grouplens_files import write_grouplens_100k
from tests.pipeline.command_line import (
    RUNNER,
    Finished,
    Workspace,
    finish,
    start,
    state_name,
    wait_for_line,
)

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

ONE_RUN = {
    "RetrievalExampleGen": 1,
    "StatisticsGen": 2,
    "CuratedSchemaGen": 2,
    "BlockingExampleValidator": 2,
    "RetrievalTransform": 1,
    "Peer": 3,
    "PeerEvaluator": 1,
    "RetrievalTrainer": 1,
    "RetrievalEvaluator": 1,
}
BEFORE_TRAINER = {
    "ExampleGen",
    "InteractionStatistics",
    "CandidateStatistics",
    "InteractionSchema",
    "CandidateSchema",
    "InteractionValidator",
    "CandidateValidator",
    "Transform",
}
PEERS = {"Popularity", "ItemKnn", "ImplicitAls", "PeerEvaluator"}
ALL = BEFORE_TRAINER | PEERS | {"Trainer", "BaselineModel", "Evaluator", "Pusher"}
ARTIFACTS_OF_FIRST_RUN = {
    "Examples": 2,
    "ExampleStatistics": 2,
    "Schema": 2,
    "ExampleAnomalies": 2,
    "TransformGraph": 1,
    "Model": 4,
    "ModelRun": 1,
    "ModelEvaluation": 2,
    "ModelBlessing": 1,
    "PushedModel": 1,
}


@dataclasses.dataclass(frozen=True)
class Step:
    """A run and the metadata after it."""

    finished: Finished
    artifacts: collections.Counter[str]
    executions: collections.Counter[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Runs:
    """Three runs on one output: the first, the same again, and one with another learning rate."""

    workspace: Workspace
    steps: list[Step]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("end_to_end")
    workspace = Workspace(folder / "data", folder / "cache", folder / "output")
    write_grouplens_100k(workspace.data, users=120, movies=150, events=4000, seed=1)
    steps = []
    for assignments in ((), (), ("training.learning_rate=0.004",)):
        finished = workspace.run(*assignments)
        assert finished.code == 0, finished.err
        steps.append(Step(finished, workspace.artifact_counts(), workspace.execution_counts()))
    yield Runs(workspace, steps)
    shutil.rmtree(folder)


@pytest.fixture
def workspace(runs: Runs) -> Workspace:
    return runs.workspace


def test_the_first_run_pushes(runs: Runs) -> None:
    step = runs.steps[0]
    report = step.finished.report
    assert report["verdict"] == "pushed"
    assert set(report["components"]) == ALL
    assert step.finished.cached == set()
    assert dict(step.artifacts) == ARTIFACTS_OF_FIRST_RUN
    assert dict(step.executions) == {
        (name, "COMPLETE"): count
        for name, count in {**ONE_RUN, "Resolver": 1, "ServingPusher": 1}.items()
    }
    assert Path(report["serving_path"]).name == str(report["version"])
    assert (Path(report["serving_path"]) / "saved_model.pb").is_file()
    assert {f"{seen}top_{k}_accuracy" for seen in ("", "unseen_") for k in (1, 5, 10, 50, 100)} <= (
        set(report["metrics"])
    )
    assert all(reason["passed"] for reason in report["reasons"])


def test_the_same_run_again_is_cached_and_pushes_nothing(runs: Runs) -> None:
    first, step = runs.steps[:2]
    report = step.finished.report
    assert report["verdict"] == "unchanged"
    assert step.finished.cached == ALL - {"BaselineModel", "Pusher"}
    assert report["metrics"] == first.finished.report["metrics"]
    assert report["version"] == first.finished.report["version"]
    assert dict(step.artifacts) == {**ARTIFACTS_OF_FIRST_RUN, "PushedModel": 2}
    added = step.executions - first.executions
    assert dict(added) == {
        **{(name, "CACHED"): count for name, count in ONE_RUN.items()},
        ("Resolver", "COMPLETE"): 1,
        ("ServingPusher", "COMPLETE"): 1,
    }


def test_another_learning_rate_runs_the_trainer_and_what_follows(runs: Runs) -> None:
    second, step = runs.steps[1:]
    report = step.finished.report
    assert report["verdict"] == "pushed"
    assert step.finished.cached == BEFORE_TRAINER | PEERS
    assert report["version"] > second.finished.report["version"]
    assert "gain_over_baseline" in {r["check"] for r in report["reasons"]}
    added = step.artifacts - second.artifacts
    assert dict(added) == dict.fromkeys(
        ("Model", "ModelRun", "ModelEvaluation", "ModelBlessing", "PushedModel"), 1
    )
    later = ("RetrievalTrainer", "RetrievalEvaluator")
    assert dict(step.executions - second.executions) == {
        **{(name, "CACHED"): count for name, count in ONE_RUN.items() if name not in later},
        **{(name, "COMPLETE"): 1 for name in (*later, "Resolver", "ServingPusher")},
    }


def test_a_run_prints_a_line_per_component_and_no_logs(runs: Runs) -> None:
    for step in runs.steps:
        finished = step.finished
        assert len(finished.out.splitlines()) == 1
        lines = finished.err.splitlines()
        for component in ALL:
            assert sum(line.startswith(f"{component} ") for line in lines) == 1, component
        assert len(lines) < 65
        assert "0.2327" in finished.err
        assert "Warning" not in finished.err
        log = Path(finished.report["log_file"])
        assert str(log) in finished.err
        assert "Component Pusher is finished." in log.read_text(encoding="utf-8")


def test_recommendations_come_from_the_latest_model(runs: Runs) -> None:
    output = str(runs.workspace.output)
    command = [sys.executable, str(RUNNER), "recommend", "--output", output, "--json"]
    answers = {}
    for user in ("42", "nobody"):
        finished = finish(start([*command, "--user", user, "-k", "3"]))
        assert (finished.code, finished.err) == (0, "")
        answers[user] = finished.report
    titles = {
        row.split(b"|")[1] for row in (runs.workspace.data / "u.item").read_bytes().splitlines()
    }
    for answer in answers.values():
        assert answer["version"] == runs.steps[2].finished.report["version"]
        found = answer["recommendations"]
        assert [item["rank"] for item in found] == [1, 2, 3]
        assert [item["score"] for item in found] == sorted(
            (item["score"] for item in found), reverse=True
        )
        assert {item["title"].encode("latin-1") for item in found} <= titles
    assert answers["42"]["recommendations"] != answers["nobody"]["recommendations"]


def test_exported_models_are_evaluated_and_compared(runs: Runs) -> None:
    workspace = runs.workspace
    first, last = (runs.steps[place].finished.report for place in (0, 2))
    before = workspace.serving()

    evaluated = workspace.on_models("evaluate", "--model", str(first["version"]))
    assert evaluated.code == 0, evaluated.err
    report = evaluated.report
    assert report["verdict"] == "blessed"
    assert report["models"] == [first["serving_path"]]
    assert report["metrics"] == first["metrics"]
    assert report["slices"] == first["slices"]
    assert evaluated.cached == BEFORE_TRAINER | PEERS
    assert "query_activity" in evaluated.err

    compared = workspace.on_models("compare", first["serving_path"], str(last["version"]))
    assert compared.code == 0, compared.err
    report = compared.report
    assert report["verdict"] == "compared"
    assert report["baseline"] == first["metrics"]
    accuracy = "unseen_top_100_accuracy"
    gain = last["metrics"][accuracy] - first["metrics"][accuracy]
    assert report["metrics"][f"{accuracy}_gain"] == pytest.approx(gain, abs=1e-9)

    other_rows = workspace.on_models(
        "evaluate", "--model", str(first["version"]), "--split", "last"
    )
    assert other_rows.code == 3, other_rows.err
    failed = {r["check"] for r in other_rows.report["reasons"] if not r["passed"]}
    assert "share_of_rows_in_train" in failed
    assert workspace.serving() == before


@pytest.mark.parametrize(
    ("model", "sentence"),
    [("17", "version 17 was not pushed"), ("nowhere", "is not a SavedModel")],
)
def test_a_model_that_is_none_is_told(workspace: Workspace, model: str, sentence: str) -> None:
    finished = workspace.on_models("evaluate", "--model", model)
    assert finished.code == 1
    assert sentence in finished.err
    assert len(finished.err.splitlines()) == 1


def test_a_floor_under_a_slice_blocks(workspace: Workspace) -> None:
    floor = "{slice='user_gender', value='%s', min_unseen_top_100_accuracy=1.0, min_rows=%d}"
    finished = workspace.run(f"gate.slice_floors=[{floor % ('female', 1)}]")
    assert finished.code == 3, finished.err
    failed = [r["check"] for r in finished.report["reasons"] if not r["passed"]]
    assert failed == ["slice user_gender=female"]
    finished = workspace.run(f"gate.slice_floors=[{floor % ('female', 100_000)}]")
    assert finished.code == 0, finished.err
    assert "too few of 100000 to be judged" in finished.err
    finished = workspace.run(f"gate.slice_floors=[{floor % ('both', 1)}]")
    assert finished.code == 1
    assert "which no eval row has; there are female, male" in finished.err
    assert "Traceback" not in finished.err


def test_a_bound_too_high_blocks(workspace: Workspace) -> None:
    before = workspace.serving()
    finished = workspace.run("training.learning_rate=0.004", "gate.min_top_100_accuracy=0.99")
    assert finished.code == 3, finished.err
    report = finished.report
    assert report["verdict"] == "not_blessed"
    assert "top-100 accuracy over all candidates" in report["reason"]
    assert finished.cached == BEFORE_TRAINER | PEERS | {"Trainer"}
    assert workspace.serving() == before


def test_a_model_worse_than_the_baseline_is_blocked(workspace: Workspace) -> None:
    before = workspace.serving()
    finished = workspace.run(
        "training.learning_rate=1e-9",
        "training.candidate_bias=false",
        "gate.max_drop_from_baseline=0.0",
    )
    assert finished.code == 3, finished.err
    failed = [r["check"] for r in finished.report["reasons"] if not r["passed"]]
    assert "gain_over_baseline" in failed
    assert workspace.serving() == before


def test_bad_input_is_one_sentence_and_changes_nothing(
    workspace: Workspace, tmp_path: Path
) -> None:
    data = tmp_path / "bad"
    shutil.copytree(workspace.data, data)
    lines = (data / "u.data").read_text(encoding="utf-8").splitlines()
    lines[16] = lines[16].rpartition("\t")[0] + "\tyesterday"
    (data / "u.data").write_text("\n".join(lines) + "\n", encoding="utf-8")
    serving, artifacts = workspace.serving(), workspace.artifacts()
    counts = workspace.artifact_counts()

    finished = workspace.run(data=data)

    assert finished.code == 1
    sentence = finished.err.splitlines()[-1]
    for part in ("u.data", "line 17", "column timestamp", "'yesterday'", "Remedy:"):
        assert part in sentence
    assert finished.report["verdict"] == "failed"
    assert finished.report["reason"] in sentence
    assert "Traceback" not in finished.err + finished.out
    log = Path(finished.report["log_file"])
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert (workspace.serving(), workspace.artifacts()) == (serving, artifacts)
    assert workspace.artifact_counts() == counts


def test_a_missing_source_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(workspace, output=tmp_path / "output")
    finished = elsewhere.run(data=tmp_path / "absent")
    assert finished.code == 1
    assert "does not exist" in finished.err
    assert len(finished.err.splitlines()) == 1
    assert not elsewhere.output.exists()


def test_a_run_killed_in_the_trainer_goes_on_where_it_was(workspace: Workspace) -> None:
    seed = "training.seed=7"
    process = workspace.start(seed)
    wait_for_line(process, "Popularity ")
    time.sleep(1)
    process.kill()
    finish(process)
    states = {state_name(e) for e in workspace.store().get_executions() if "Trainer" in e.type}
    assert "RUNNING" in states

    resumed = workspace.run(seed)

    assert resumed.code == 0, resumed.err
    assert resumed.report["verdict"] == "pushed"
    assert resumed.cached >= BEFORE_TRAINER
    assert "Trainer" not in resumed.cached
    executions = workspace.store().get_executions()
    assert {state_name(e) for e in executions} == {"COMPLETE", "CACHED", "FAILED"}
    failed = [e.id for e in executions if state_name(e) == "FAILED" and "Trainer" in e.type]
    assert len(failed) == 1
    assert not list((workspace.output / "artifacts").glob(f"Trainer/*/{failed[0]}"))


def test_an_interrupted_run_ends_with_one_line(workspace: Workspace) -> None:
    before = workspace.serving()
    process = workspace.start("training.seed=8")
    wait_for_line(process, "Popularity ")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    finished = finish(process)
    assert finished.code == 130
    assert len(finished.err.splitlines()) == 1
    assert "interrupted" in finished.err
    assert finished.report["verdict"] == "failed"
    assert workspace.serving() == before


def test_a_second_run_at_the_same_time_is_refused(workspace: Workspace) -> None:
    process = workspace.start()
    wait_for_line(process, "MovieLens from ")
    second = workspace.run()
    assert second.code == 1
    sentence = second.err.splitlines()[-1]
    assert str(workspace.output) in sentence
    assert f"process {process.pid}" in sentence
    first = finish(process)
    assert first.code == 0, first.err
