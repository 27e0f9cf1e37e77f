"""The command line on a generated data set, with the real TFX runner, components and metadata."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from pyarrow import parquet

from pipeline.cli import main
from tests.datasets.grouplens_files import write_grouplens_100k
from tests.pipeline.command_line import (
    RUNNER,
    Finished,
    Workspace,
    file_hashes,
    finish,
    start,
    state_name,
    wait_for_line,
)

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

ONE_RUN = {
    "RetrievalExampleGen": 1,
    "RecordedStatisticsGen": 2,
    "CuratedSchemaGen": 2,
    "BlockingExampleValidator": 2,
    "RetrievalTransform": 1,
    "Peer": 4,
    "PeerEvaluator": 1,
    "RetrievalTrainer": 1,
    "RetrievalEvaluator": 1,
    "IndexValidator": 1,
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
PEERS = {"Popularity", "ItemKnn", "SessionKnn", "ImplicitAls", "PeerEvaluator"}
ALL = BEFORE_TRAINER | PEERS | {"Trainer", "BaselineModel", "Evaluator", "IndexValidator", "Pusher"}
ARTIFACTS_OF_FIRST_RUN = {
    "Examples": 2,
    "ExampleStatistics": 2,
    "Schema": 2,
    "ExampleAnomalies": 2,
    "TransformGraph": 1,
    "Model": 5,
    "ModelRun": 1,
    "ModelEvaluation": 2,
    "ModelBlessing": 1,
    "InfraBlessing": 1,
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
    assert dict(step.artifacts) == {**ARTIFACTS_OF_FIRST_RUN, "Report": 1}
    assert dict(step.executions) == {
        (name, "COMPLETE"): count
        for name, count in {**ONE_RUN, "Resolver": 1, "ServingPusher": 1, "Report": 1}.items()
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
    assert dict(step.artifacts) == {**ARTIFACTS_OF_FIRST_RUN, "PushedModel": 2, "Report": 1}
    assert report["report"] == first.finished.report["report"]
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
    made = ("Model", "ModelRun", "ModelEvaluation", "ModelBlessing", "InfraBlessing")
    assert dict(added) == dict.fromkeys((*made, "PushedModel", "Report"), 1)
    later = ("RetrievalTrainer", "RetrievalEvaluator", "IndexValidator")
    assert dict(step.executions - second.executions) == {
        **{(name, "CACHED"): count for name, count in ONE_RUN.items() if name not in later},
        **{(name, "COMPLETE"): 1 for name in (*later, "Resolver", "ServingPusher", "Report")},
    }


@pytest.fixture
def lineage(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Runs `lineage` in this process, which has loaded what it needs."""

    def ask(*arguments: str) -> Finished:
        code = main(["lineage", *arguments, "--output", str(workspace.output)])
        return Finished(code, *capsys.readouterr())

    return ask


def test_the_lineage_agrees_with_what_is_on_disk(
    runs: Runs, lineage: Callable[..., Finished]
) -> None:
    first, third = (runs.steps[place].finished.report for place in (0, 2))
    report = lineage(str(third["version"]), "--json").report
    story, artifacts = report["story"], {a["id"]: a for a in report["artifacts"]}
    nodes = {execution["id"]: execution["node"] for execution in report["executions"]}

    def folder(artifact_type: str, node: str) -> Path:
        [found] = (
            artifact["uri"]
            for artifact in artifacts.values()
            if artifact["type"] == artifact_type and nodes.get(artifact["made_by"]) == node
        )
        return Path(found)

    [baseline] = (artifact for artifact in artifacts.values() if artifact["baseline"])
    assert dict(collections.Counter(a["type"] for a in artifacts.values())) == {
        **ARTIFACTS_OF_FIRST_RUN,
        "Model": 6,
    }
    saved = Path(baseline["uri"]) / "Format-Serving"
    assert file_hashes(saved) == file_hashes(Path(first["serving_path"]))
    for artifact in artifacts.values():
        files = sorted(file_hashes(Path(artifact["uri"])).items())
        text = "".join(f"{name}\0{contents}\n" for name, contents in files)
        found = artifact["properties"]["files_sha256"]
        assert found == hashlib.sha256(text.encode()).hexdigest(), artifact["uri"]
    assert {nodes[a["made_by"]] for a in artifacts.values() if a["from_cache"]} == (
        BEFORE_TRAINER | PEERS
    )

    push = story["push"]
    assert push["version"] == third["version"]
    assert (push["before"], push["path"]) == (first["version"], third["serving_path"])
    graph = folder("TransformGraph", "Transform") / "transform_fn" / "assets"
    assert story["vocabularies"] == {
        file.name: len(file.read_bytes().splitlines()) for file in graph.iterdir()
    }
    [events] = (a["uri"] for a in artifacts.values() if "rows_train" in a["properties"])
    assert story["data"]["rows"] == {
        split: sum(
            parquet.read_metadata(file).num_rows
            for file in (Path(events) / f"Split-{split}").iterdir()
        )
        for split in ("train", "valid", "eval")
    }
    curve = folder("ModelRun", "Trainer") / "training_curve.json"
    assert story["training"]["curve"] == json.loads(curve.read_text(encoding="utf-8"))
    assert third["training_logs"] == str(curve.parent)
    assert list((curve.parent / "train").glob("events.out.tfevents*"))
    assert f"tensorboard --logdir {curve.parent}" in runs.steps[2].finished.err
    assert story["training"]["hyperparameters"]["learning_rate"] == 0.004
    assert story["configuration"]["changes"]["training.learning_rate"] == [0.003, 0.004]
    assert story["metrics"]["model"] == third["metrics"]
    assert story["metrics"]["baseline"] == first["metrics"]
    assert story["metrics"]["peers"] == third["peers"]
    assert [*story["gate"]["reasons"], *story["infra_validation"]["reasons"]] == third["reasons"]
    manifest = Path(third["serving_path"]) / "assets.extra" / "manifest.json"
    versions = json.loads(manifest.read_text(encoding="utf-8"))["versions"]
    assert story["packages"].items() >= versions.items()
    assert story["packages"]["stack"] == third["stack"]
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=RUNNER.parent, capture_output=True, text=True, check=True
    )
    assert story["code"]["git_commit"] == commit.stdout.strip()
    assert lineage("verify").code == 0


def test_a_run_prints_a_line_per_component_and_no_logs(runs: Runs) -> None:
    for step in runs.steps:
        finished = step.finished
        assert len(finished.out.splitlines()) == 1
        lines = finished.err.splitlines()
        for component in ALL:
            assert sum(line.startswith(f"{component} ") for line in lines) == 1, component
        assert len(lines) < 80
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


@pytest.fixture
def titles(workspace: Workspace) -> list[str]:
    """Titles by the number of the movie, which begins at 1."""
    lines = (workspace.data / "u.item").read_text(encoding="latin-1").splitlines()
    return ["", *(line.split("|")[1] for line in lines)]


@pytest.fixture
def ask(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Runs `recommend` in this process, which has loaded TensorFlow."""

    def ask(*arguments: str) -> Finished:
        code = main(["recommend", "--output", str(workspace.output), *arguments])
        return Finished(code, *capsys.readouterr())

    return ask


def test_a_user_can_ask_at_another_time(ask: Callable[..., Finished]) -> None:
    user = ("--user", "42", "--json", "-k", "100")
    now, before_all, on_a_day, at_its_first_second = (
        ask(*user, *at) for at in ((), ("--at", "0"), ("--at", "1998-04-01"), ("--at", "891388800"))
    )
    for answer in (now, before_all, on_a_day):
        assert (answer.code, answer.err) == (0, "")
        assert set(answer.report) == {"user", "version", "recommendations"}
        assert answer.report["user"] == "42"
    assert before_all.report["recommendations"] != now.report["recommendations"]
    assert on_a_day.report == at_its_first_second.report


def test_somebody_never_seen_can_ask_by_a_history(
    runs: Runs, titles: list[str], ask: Callable[..., Finished]
) -> None:
    by_title = ask("--history", titles[5], "--history", titles[9], "--json", "-k", "100")
    assert (by_title.code, by_title.err) == (0, "")
    report = by_title.report
    assert set(report) == {"history", "version", "recommendations"}
    assert report["history"] == [titles[5], titles[9]]
    assert report["version"] == runs.steps[2].finished.report["version"]
    found = [item["title"] for item in report["recommendations"]]
    assert len(set(found)) == 100
    assert not {titles[5], titles[9]} & set(found)

    for names in (("5", "9"), (f" {titles[5].upper()} ", "9", "5")):
        options = [option for name in names for option in ("--history", name)]
        assert ask(*options, "--json", "-k", "100").report == report
    other = ask("--history", titles[7], "--json", "-k", "100").report
    assert other["recommendations"][:10] != report["recommendations"][:10]


def test_a_history_may_have_any_id_of_a_shared_title(
    titles: list[str], ask: Callable[..., Finished]
) -> None:
    assert titles[149] == titles[2]
    by_title, *by_id = (ask("--history", name, "--json") for name in (titles[2], "2", "149"))
    assert by_title.report["history"] == [titles[2]]
    for answer in by_id:
        assert answer.report == by_title.report


def test_a_list_is_headed_by_whom_it_is_for(
    titles: list[str], ask: Callable[..., Finished]
) -> None:
    for arguments, whom in (
        (("--user", "42"), "For user 42, by version"),
        (("--history", "5", "--history", "4"), f"For someone who saw {titles[5]}, {titles[4]}, by"),
    ):
        answer = ask(*arguments, "-k", "3")
        assert (answer.code, answer.err) == (0, "")
        assert " ".join(answer.out.split()).startswith(whom)


@pytest.mark.parametrize("named", [["Film 5"], ["5", "Film 5, The"]])
def test_a_movie_that_the_model_does_not_know_is_one_sentence(
    named: list[str], titles: list[str], ask: Callable[..., Finished]
) -> None:
    options = [option for name in named for option in ("--history", name)]
    for arguments in (options, [*options, "--json"]):
        answer = ask(*arguments)
        assert (answer.code, answer.out) == (1, "")
        assert f"{named[-1]!r} is neither the title nor the id of a movie" in answer.err
        assert f'did you mean "{titles[5]}" or ' in answer.err
        assert len(answer.err.splitlines()) == 1


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
    assert finished.cached == BEFORE_TRAINER | PEERS | {"Trainer", "IndexValidator"}
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


def test_a_run_killed_in_the_trainer_goes_on_where_it_was(
    workspace: Workspace, lineage: Callable[..., Finished]
) -> None:
    seed = "training.seed=7"
    process = workspace.start(seed)
    wait_for_line(process, "PeerEvaluator ")
    time.sleep(1)
    process.kill()
    finish(process)
    states = {state_name(e) for e in workspace.store().get_executions() if "Trainer" in e.type}
    assert "RUNNING" in states
    current = max(workspace.output.joinpath("serving", "retrieval").iterdir()).name
    told = lineage("--json")
    assert told.report["story"]["push"]["version"] == int(current)
    assert lineage("verify").code == 0

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
    wait_for_line(process, "PeerEvaluator ")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    finished = finish(process)
    assert finished.code == 130
    assert len(finished.err.splitlines()) == 1
    assert "interrupted" in finished.err
    assert finished.report["verdict"] == "failed"
    assert workspace.serving() == before


def test_a_second_run_at_the_same_time_is_refused_and_reads_are_not(
    workspace: Workspace, lineage: Callable[..., Finished]
) -> None:
    process = workspace.start()
    wait_for_line(process, "MovieLens from ")
    second = workspace.run()
    for _ in range(10):
        assert lineage("--json").code == 0
    assert process.poll() is None
    assert second.code == 1
    sentence = second.err.splitlines()[-1]
    assert str(workspace.output) in sentence
    assert f"process {process.pid}" in sentence
    first = finish(process)
    assert first.code == 0, first.err


def test_the_trainer_trains_with_what_the_tuner_found(runs: Runs) -> None:
    workspace = runs.workspace
    command = ("run", "--tune", "--set", "tuning.trials=2")
    finished = workspace.on_models(*command)
    assert finished.code == 0, finished.err
    assert {"Tuner", "Trainer"}.isdisjoint(finished.cached)

    store = workspace.store()
    tuned = finished.report["tuned"]
    (best,) = store.get_artifacts_by_type("HyperParameters")
    (results,) = store.get_artifacts_by_type("TunerResults")
    assert best.uri != results.uri
    (trainer,) = (
        store.get_executions_by_id([event.execution_id])[0]
        for event in store.get_events_by_artifact_ids([best.id])
        if event.type == metadata_store_pb2.Event.INPUT
    )
    assert trainer.type.endswith("RetrievalTrainer")
    outputs = [
        event.artifact_id
        for event in store.get_events_by_execution_ids([trainer.id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    (model,) = (
        artifact for artifact in store.get_artifacts_by_type("Model") if artifact.id in outputs
    )
    used = json.loads(model.custom_properties["hyperparameters"].string_value)
    found = json.loads((Path(best.uri) / "best_hyperparameters.txt").read_text(encoding="utf-8"))
    assert used.items() >= found["values"].items()
    for assignment in tuned["assignments"]:
        key, _, value = assignment.partition("=")
        assert used[key.removeprefix("training.")] == json.loads(value)
        assert f"--set {assignment}" in finished.err
    accuracy = float(model.custom_properties["valid_unseen_top_100_accuracy"].string_value)
    assert accuracy == pytest.approx(tuned["accuracy"], abs=1e-6)
    assert tuned["accuracy"] >= tuned["accuracy_as_given"]
    assert tuned["trials"] == 2

    again = workspace.on_models(*command)
    assert again.code == 0, again.err
    assert again.report["verdict"] == "unchanged"
    assert {"Tuner", "Trainer", "Evaluator"} <= again.cached
    assert again.report["tuned"] == tuned
    assert runs.steps[0].finished.report["tuned"] is None


def test_versions_are_listed_rolled_back_and_pruned(runs: Runs) -> None:
    workspace = runs.workspace
    first, third = (runs.steps[place].finished.report for place in (0, 2))

    place = ("--output", str(workspace.output))

    def report(*arguments: str) -> dict[str, Any]:
        command = [sys.executable, str(RUNNER), *arguments, *place]
        finished = finish(start([*command, "--json"]))
        assert (finished.code, finished.err) == (0, "")
        return finished.report

    def versions() -> dict[int, dict[str, Any]]:
        return {entry["version"]: entry for entry in report("versions")["versions"]}

    listed = versions()
    assert sorted(map(str, listed)) == sorted(
        path.name for path in (workspace.output / "serving" / "retrieval").iterdir()
    )
    assert list(listed) == sorted(listed, reverse=True)
    for run in (first, third):
        entry = listed[run["version"]]
        assert entry["path"] == run["serving_path"]
        assert (entry["blessed"], entry["recorded"]) == (True, True)
        for name in ("unseen_top_100_accuracy", "top_100_accuracy"):
            assert entry[name] == run["metrics"][name]

    rollback = report("rollback", str(first["version"]))
    assert rollback["rolled_back_from"] == max(listed)
    again = versions()[rollback["version"]]
    assert (again["current"], again["republication_of"]) == (True, first["version"])
    assert file_hashes(Path(again["path"])) == file_hashes(Path(first["serving_path"]))

    same = workspace.run()
    assert same.code == 0, same.err
    assert (same.report["verdict"], same.report["version"]) == ("unchanged", again["version"])
    other = workspace.run("training.learning_rate=0.004")
    assert other.code == 0, other.err
    assert other.report["verdict"] == "pushed"
    assert other.report["version"] > again["version"]
    assert report("rollback")["rolled_back_to"] == again["version"]

    executions = workspace.store().get_executions()
    assert [state_name(e) for e in executions if e.type == "Rollback"] == ["COMPLETE"] * 2
    before = versions()
    pruned = report("prune", "--keep", "1")
    assert pruned["kept"] == [max(before)]
    assert pruned["removed"] == sorted(before)[:-1]
    assert pruned["freed_bytes"] == sum(before[version]["bytes"] for version in pruned["removed"])
    assert finish(start([sys.executable, str(RUNNER), "lineage", "verify", *place])).code == 0
    after = versions()
    assert [version for version, entry in after.items() if entry["on_disk"]] == pruned["kept"]
    assert {version for version, entry in after.items() if entry["removed_at"]} == set(
        pruned["removed"]
    )
    for version, entry in after.items():
        for name in ("unseen_top_100_accuracy", "republication_of", "pushed_at"):
            assert entry[name] == before[version][name]
