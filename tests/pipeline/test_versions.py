"""Versions, rollback and prune on real metadata and folders, pushed by the real Pusher."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.types import Artifact, standard_artifacts

from components.pusher import executor, version_folder
from pipeline.cli import main
from pipeline.output_lock import locked_output
from tests.components.steps import new_artifact, new_infra_blessing
from tests.pipeline.command_line import RUNNER, Finished, file_hashes

PROJECT = RUNNER.parent
Event = metadata_store_pb2.Event
PIPELINE = ("pipeline", "movielens-retrieval")
MODELS = (("a", 0.25), ("b", 0.5), ("c", 0.75))
SLOW = {"tensorflow", "tfx", "apache_beam"}
NOTHING_ELSE = "there is no other: run the pipeline to push one"


@dataclasses.dataclass
class Output:
    """An output folder as runs leave it, and the commands on it."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    runs: int = 0

    @property
    def serving(self) -> Path:
        return self.folder / "serving" / "retrieval"

    def store(self) -> mlmd.MetadataStore:
        database = self.folder / "metadata" / "metadata.db"
        database.parent.mkdir(parents=True, exist_ok=True)
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(database)
        connection.sqlite.connection_mode = 3
        return mlmd.MetadataStore(connection)

    def run(self, content: str, accuracy: float = 0.5, blessed: bool = True) -> int:
        """What a run leaves that trains a model with a content; returns the version."""
        self.runs += 1
        folder, store = self.folder / "artifacts" / str(self.runs), self.store()
        model = new_artifact(standard_artifacts.Model, folder / "model")
        saved = Path(model.uri) / "Format-Serving"
        (saved / "variables").mkdir(parents=True)
        (saved / "saved_model.pb").write_text("graph")
        (saved / "variables" / "data").write_text(content)
        blessing = new_artifact(standard_artifacts.ModelBlessing, folder / "blessing")
        blessing.set_int_custom_property("blessed", int(blessed))
        Path(blessing.uri, "BLESSED" if blessed else "NOT_BLESSED").touch()
        metrics = {"unseen_top_100_accuracy": accuracy, "top_100_accuracy": accuracy / 2}
        evaluation, peers = (
            new_artifact(standard_artifacts.ModelEvaluation, folder / name)
            for name in ("evaluation", "peers")
        )
        evaluation.set_string_custom_property("metrics", json.dumps(metrics))
        peers.set_string_custom_property("metrics", json.dumps({"popularity": {}}))
        infra_blessing = new_infra_blessing(folder)
        pushed = new_artifact(standard_artifacts.PushedModel, folder / "pushed")
        inputs = {"model": model, "model_blessing": blessing, "infra_blessing": infra_blessing}
        executor.Executor().Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {"pushed_model": [pushed]},
            {"base_directory": str(self.serving), "config": "{}", "code_version": ""},
        )
        evaluated = {"evaluation": evaluation, "blessing": blessing}
        takes = {"model": model, "peer_evaluation": peers}
        put(store, "components.evaluator.component.RetrievalEvaluator", takes, evaluated)
        # The next run has them from the cache.
        put(store, "components.evaluator.component.RetrievalEvaluator", takes, evaluated)
        put(store, "components.pusher.component.ServingPusher", inputs, {"pushed_model": pushed})
        return version_folder.current_version(str(self.serving)) or 0

    def command(self, *arguments: str) -> Finished:
        """Runs a command in this process."""
        code = main([*arguments, "--output", str(self.folder)])
        return Finished(code, *self.capsys.readouterr())

    def report(self, *arguments: str) -> dict[str, Any]:
        """The JSON object of a command that has to succeed."""
        finished = self.command(*arguments, "--json")
        assert (finished.code, finished.err) == (0, "")
        assert len(finished.out.splitlines()) == 1
        return finished.report

    def versions(self) -> dict[int, dict[str, Any]]:
        """What `versions` lists, newest first."""
        return {entry["version"]: entry for entry in self.report("versions")["versions"]}

    def refuses(self, *arguments: str) -> str:
        """The sentence of a command that has to fail and to change nothing at all."""
        before = self.state()
        finished = self.command(*arguments)
        assert (finished.code, finished.out) == (1, "")
        assert len(finished.err.splitlines()) == 1
        assert self.state() == before
        return finished.err

    def state(self) -> tuple[dict[str, str], list[str]]:
        """Every served file, and everything recorded but types."""
        if not self.folder.exists():
            return {}, []
        store = self.store()
        rows = [*store.get_artifacts(), *store.get_executions(), *store.get_contexts()]
        return file_hashes(self.serving), list(map(str, rows))


def put(
    store: mlmd.MetadataStore,
    execution_type: str,
    inputs: dict[str, Artifact],
    outputs: dict[str, Artifact],
) -> None:
    """Puts an execution as TFX does: its artifacts, their events, and its contexts."""
    pairs = []
    for event_type, artifacts in ((Event.INPUT, inputs), (Event.OUTPUT, outputs)):
        for name, artifact in artifacts.items():
            event = Event(type=event_type)
            event.path.steps.add().key = name
            event.path.steps.add().index = 0
            proto = artifact.mlmd_artifact
            if not proto.type_id:
                proto.ClearField("id")  # the one that the steps of tests give
                proto.type_id = store.put_artifact_type(artifact.artifact_type)
            pairs.append((proto, event))
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(metadata_store_pb2.ExecutionType(name=execution_type)),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    contexts = [
        metadata_store_pb2.Context(
            type_id=store.put_context_type(metadata_store_pb2.ContextType(name=kind)), name=name
        )
        for kind, name in (PIPELINE, ("pipeline_run", "2026"))
    ]
    _, ids, _ = store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
    for (proto, _), identity in zip(pairs, ids, strict=True):
        proto.id = identity


@pytest.fixture
def output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Output:
    return Output(tmp_path / "output", capsys)


def test_lists_what_was_pushed_with_its_metrics(output: Output) -> None:
    first = output.run("a", 0.25)
    second = output.run("b", 0.75)
    assert output.run("b", 0.9) == second  # unchanged: no version of its own
    assert output.run("c", 0.1, blessed=False) == second

    found = output.versions()

    assert list(found) == [second, first]
    assert [entry["current"] for entry in found.values()] == [True, False]
    assert output.report("versions")["current"] == second
    for version, accuracy in ((first, 0.25), (second, 0.75)):
        entry = found[version]
        assert entry["unseen_top_100_accuracy"] == accuracy
        assert entry["top_100_accuracy"] == accuracy / 2
        assert entry["blessed"] is True
        assert (entry["on_disk"], entry["recorded"]) == (True, True)
        assert entry["bytes"] == len("graph") + 1
        assert entry["republication_of"] is None
        assert entry["removed_at"] is None
        assert entry["path"] == str(output.serving / str(version))
        assert abs(datetime.fromisoformat(entry["pushed_at"]).timestamp() - time.time()) < 100


def test_what_is_only_on_disk_or_only_recorded_is_told(output: Output) -> None:
    first, second = output.run("a"), output.run("b")
    shutil.rmtree(output.serving / str(second))
    shutil.copytree(output.serving / str(first), output.serving / "17")

    found = output.versions()

    assert list(found) == [second, first, 17]
    states = [(v["current"], v["on_disk"], v["recorded"]) for v in found.values()]
    assert states == [(False, False, True), (True, True, True), (False, True, False)]
    assert found[second]["bytes"] is None
    assert found[17]["blessed"] is None
    assert found[17]["pushed_at"] is None

    shutil.rmtree(output.folder / "metadata")
    assert [entry["recorded"] for entry in output.versions().values()] == [False, False]


def test_the_table_says_all_in_80_columns(output: Output) -> None:
    first, second, _ = (output.run(*model) for model in MODELS)
    new = output.report("rollback", str(second))["version"]
    output.report("prune", "--keep", "3")
    shutil.rmtree(output.serving / str(second))
    (output.serving / "17").mkdir()

    finished = output.command("versions")

    assert (finished.code, finished.err) == (0, "")
    lines = finished.out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: " ".join(line.split()[3:]) for line in lines[3:] if line.split()}
    assert rows[str(first)].startswith("0.2500 0.1250 yes - pruned 2")
    assert rows[str(second)] == "0.5000 0.2500 yes - files are gone"
    assert rows[str(new)] == "0.5000 0.2500 yes 0.0 MB current, is"
    assert lines[4].split() == [str(second), "again"]
    assert lines[-1].split() == ["17", *"----", "0.0", "MB", "not", "in", "the", "metadata"]


def test_rolls_back_to_a_version_and_records_it(output: Output) -> None:
    first, second, third = (output.run(content, accuracy) for content, accuracy in MODELS)
    before = file_hashes(output.serving / str(first))

    report = output.report("rollback", str(first))

    new = report["version"]
    assert new > third
    assert report == {
        "version": new,
        "rolled_back_to": first,
        "rolled_back_from": third,
        "path": str(output.serving / str(new)),
    }
    assert file_hashes(output.serving / str(new)) == before
    assert sorted(path.name for path in output.serving.iterdir()) == sorted(
        map(str, (first, second, third, new))
    )
    found = output.versions()
    assert [version for version, entry in found.items() if entry["current"]] == [new]
    assert found[new]["republication_of"] == first
    for name in ("unseen_top_100_accuracy", "top_100_accuracy", "blessed", "bytes"):
        assert found[new][name] == found[first][name]

    store = output.store()
    [execution] = store.get_executions_by_type("Rollback")
    assert execution.last_known_state == metadata_store_pb2.Execution.COMPLETE
    events = {event.type: event for event in store.get_events_by_execution_ids([execution.id])}
    assert set(events) == {Event.INPUT, Event.OUTPUT}
    source, artifact = (
        store.get_artifacts_by_id([events[kind].artifact_id])[0]
        for kind in (Event.INPUT, Event.OUTPUT)
    )
    assert (source.type, artifact.type) == ("PushedModel", "PushedModel")
    assert source.custom_properties["pushed_version"].string_value == str(first)
    assert source.custom_properties["outcome"].string_value == "pushed"
    values = artifact.custom_properties
    # All but what the push records of its own files and code.
    assert set(source.custom_properties) - set(values) == {
        *("files_sha256", "files_bytes", "package_versions", "git_commit", "git_modified"),
        "config",
    }
    assert values["pushed"].int_value == 1
    assert values["pushed_version"].string_value == str(new)
    assert values["pushed_destination"].string_value == report["path"]
    assert values["outcome"].string_value == "rolled_back"
    assert values["tree_sha256"] == source.custom_properties["tree_sha256"]
    assert (values["rolled_back_to"].int_value, values["rolled_back_from"].int_value) == (
        first,
        third,
    )
    [superseded] = store.get_artifacts_by_id([values["superseded_pushed_model_id"].int_value])
    assert superseded.custom_properties["pushed_version"].string_value == str(third)
    for contexts in (
        store.get_contexts_by_execution(execution.id),
        store.get_contexts_by_artifact(artifact.id),
    ):
        assert [(context.type, context.name) for context in contexts] == [PIPELINE]


def test_back_again_is_one_more_step_back_and_not_forth(output: Output) -> None:
    first, second, third = (output.run(content) for content, _ in MODELS)
    twice = [output.report("rollback") for _ in range(2)]
    assert [step["rolled_back_to"] for step in twice] == [second, first]
    assert [step["rolled_back_from"] for step in twice] == [third, twice[0]["version"]]
    sentence = output.refuses("rollback")
    assert f"is version {first} again, which is the first that was pushed" in sentence
    assert f"there are {second}, {third}, {twice[0]['version']}." in sentence

    pushed = output.run("d")
    republication = twice[1]["version"]
    assert output.report("rollback")["rolled_back_to"] == republication
    assert output.versions()[pushed]["republication_of"] is None
    assert f"is version {first} again" in output.refuses("rollback")


def test_the_only_version_has_none_before_it(output: Output) -> None:
    version = output.run("a")
    sentence = output.refuses("rollback")
    assert f"version {version}, the current one, is the first that was pushed" in sentence
    assert NOTHING_ELSE in sentence


def test_a_run_after_a_rollback_pushes_or_finds_it_unchanged(output: Output) -> None:
    output.run("a")
    output.run("b", 0.75)
    republication = output.report("rollback")["version"]
    assert output.run("a", 0.9) == republication
    assert "republication_of" in output.versions()[republication]
    assert output.versions()[republication]["unseen_top_100_accuracy"] == 0.5
    pushed = output.run("b", 0.75)
    assert pushed > republication
    assert output.versions()[pushed]["current"]


def change(folder: Path) -> None:
    (folder / "variables" / "data").write_text("A")


def add(folder: Path) -> None:
    (folder / "more").write_text("")


def link(folder: Path) -> None:
    elsewhere = folder.parents[2] / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more").write_text("")
    (folder / "linked").symlink_to(elsewhere)


def rename(folder: Path) -> None:
    (folder / "variables" / "data").rename(folder / "variables" / "other")


def swap(folder: Path) -> None:
    graph, data = folder / "saved_model.pb", folder / "variables" / "data"
    texts = graph.read_text(), data.read_text()
    data.write_text(texts[0])
    graph.write_text(texts[1])


def lose(folder: Path) -> None:
    (folder / "saved_model.pb").unlink()


@pytest.mark.parametrize("tamper", [change, add, link, rename, swap, lose])
def test_files_that_are_not_those_that_were_pushed_are_refused(
    output: Output, tamper: Callable[[Path], None]
) -> None:
    first, second, _ = (output.run(content) for content, _ in MODELS)
    tamper(output.serving / str(second))
    for arguments in ((), (str(second),)):
        sentence = output.refuses("rollback", *arguments)
        assert f"{output.serving / str(second)} are not those that were pushed" in sentence
        assert f"name another with rollback VERSION: there are {first}." in sentence


def test_files_that_cannot_be_read_are_refused(output: Output) -> None:
    first, _ = output.run("a"), output.run("b")
    (output.serving / str(first) / "dangling").symlink_to("nowhere")
    assert "cannot be read" in output.refuses("rollback")


def test_a_version_that_is_gone_is_refused_and_not_passed_over(output: Output) -> None:
    first, second, _ = (output.run(content) for content, _ in MODELS)
    shutil.rmtree(output.serving / str(second))
    for arguments in ((), (str(second),)):
        sentence = output.refuses("rollback", *arguments)
        assert f"the files of version {second} are gone" in sentence
        assert f"there are {first}." in sentence
    output.report("prune", "--keep", "1")
    sentence = output.refuses("rollback", str(first))
    assert f"the files of version {first} were pruned at 2" in sentence
    assert NOTHING_ELSE in sentence


def test_what_cannot_be_rolled_back_to_is_one_sentence(output: Output) -> None:
    first, second, third = (output.run(content) for content, _ in MODELS)
    others = f"there are {first}, {second}."
    unknown = output.refuses("rollback", "17")
    assert f"version 17 was not pushed to {output.serving}" in unknown
    assert others in unknown
    current = output.refuses("rollback", str(third))
    assert f"version {third} is the current one already" in current
    assert others in current
    again = output.report("rollback", str(first))["version"]
    served = output.refuses("rollback", str(first))
    assert f"version {first} is served already, as version {again}" in served


def test_a_version_without_a_checksum_is_refused(output: Output) -> None:
    first, _ = output.run("a"), output.run("b")
    store = output.store()
    artifact, _ = store.get_artifacts_by_type("PushedModel")
    del artifact.custom_properties["tree_sha256"]
    store.put_artifacts([artifact])
    assert f"no checksum of version {first} was recorded" in output.refuses("rollback")
    shutil.copytree(output.serving / str(first), output.serving / "17")
    assert "no checksum of version 17 was recorded" in output.refuses("rollback", "17")


def test_a_rollback_that_was_killed_before_it_was_recorded(output: Output) -> None:
    first, second = output.run("a"), output.run("b")
    unrecorded = version_folder.push(str(output.serving / str(first)), str(output.serving))
    sentence = output.refuses("rollback")
    assert f"version {unrecorded}, the current one, is not in the metadata" in sentence
    assert f"there are {first}, {second}." in sentence
    assert "served already" in output.refuses("rollback", str(first))
    assert not output.versions()[unrecorded]["recorded"]
    assert output.run("a") == unrecorded
    assert output.versions()[unrecorded]["recorded"]
    assert output.report("rollback", str(second))["rolled_back_from"] == unrecorded


def test_a_rollback_needs_metadata_that_it_can_write_to(output: Output) -> None:
    first, _ = output.run("a"), output.run("b")
    (output.folder / "metadata" / "metadata.db").write_text("damaged")
    before = file_hashes(output.serving)
    for arguments in (("rollback", str(first)), ("prune", "--keep", "1"), ("versions",)):
        finished = output.command(*arguments)
        assert (finished.code, finished.out) == (1, "")
        assert "metadata.db cannot be opened" in finished.err
        assert len(finished.err.splitlines()) == 1
    assert file_hashes(output.serving) == before


def test_without_a_version_nothing_is_made(output: Output) -> None:
    for arguments in (("versions",), ("rollback",), ("rollback", "17"), ("prune", "--keep", "1")):
        assert "no model was pushed" in output.refuses(*arguments)
        assert not output.folder.exists()


def test_only_what_writes_waits_for_a_run(output: Output) -> None:
    output.run("a")
    output.run("b")
    with locked_output(output.folder):
        for arguments in (("rollback",), ("prune", "--keep", "1")):
            assert "another run" in output.refuses(*arguments)
        assert len(output.versions()) == 2
    assert output.report("rollback")
    assert output.report("prune", "--keep", "1")


@pytest.mark.parametrize(
    "arguments",
    [["rollback", "first"], ["rollback", "--", "-1"], ["prune"], ["prune", "--keep", "0"]],
)
def test_wrong_usage_is_exit_code_2(output: Output, arguments: list[str]) -> None:
    finished = output.command(*arguments[:1], *arguments[1:])
    assert (finished.code, finished.out) == (2, "")


def test_prunes_all_but_the_newest(output: Output) -> None:
    versions = [output.run(content) for content in "abcd"]
    assert output.run("d") == versions[-1]
    (output.serving / ".17.incomplete").mkdir()
    (output.serving / ".17.incomplete" / "half").write_text("1234")
    size = len("graph") + 1

    report = output.report("prune", "--keep", "2")

    assert report == {
        "removed": versions[:2],
        "kept": versions[2:],
        "freed_bytes": 2 * size + len("1234"),
    }
    assert sorted(path.name for path in output.serving.iterdir()) == list(map(str, versions[2:]))
    found = output.versions()
    for version in versions:
        removed_at = found[version]["removed_at"]
        assert (removed_at is None) == (version in versions[2:])
        if removed_at:
            assert abs(datetime.fromisoformat(removed_at).timestamp() - time.time()) < 100
    assert list(found) == versions[::-1]
    assert output.report("prune", "--keep", "2") == {
        "removed": [],
        "kept": versions[2:],
        "freed_bytes": 0,
    }
    assert "pruned 2" in output.command("versions").out

    finished = output.command("prune", "--keep", "1")
    assert finished.out == f"Removed {versions[2]}: 0.0 MB freed.\n"
    assert output.command("prune", "--keep", "1").out == "Removed no version: 0.0 MB freed.\n"


def test_a_pruned_version_is_marked_on_every_artifact_of_it(output: Output) -> None:
    first = output.run("a")
    output.run("a")
    output.run("b")
    output.report("prune", "--keep", "1")
    marked = [
        artifact.custom_properties["pushed_version"].string_value
        for artifact in output.store().get_artifacts_by_type("PushedModel")
        if "removed_at" in artifact.custom_properties
    ]
    assert marked == [str(first)] * 2


def test_the_origin_of_the_current_version_may_be_pruned(output: Output) -> None:
    first = output.run("a", 0.25)
    output.run("b")
    new = output.report("rollback")["version"]
    assert output.report("prune", "--keep", "1")["kept"] == [new]
    entry = output.versions()[new]
    assert (entry["republication_of"], entry["unseen_top_100_accuracy"]) == (first, 0.25)


def test_the_commands_load_neither_tensorflow_nor_tfx(output: Output) -> None:
    output.run("a")
    output.run("b")
    code = (
        "import sys; from pipeline.cli import main; ended = main(sys.argv[1:]);"
        f"sys.exit(ended or sorted({SLOW} & set(sys.modules)) or 0)"
    )
    for arguments in (["versions"], ["rollback"], ["prune", "--keep", "1"]):
        command = [sys.executable, "-c", code, *arguments, "--output", str(output.folder)]
        finished = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert (finished.returncode, finished.stderr) == (0, "")


class Poller(threading.Thread):
    """Looks at the versions of a folder over and over, as a server does.

    Args:
        base: The folder.
        files: How many files each version has.
    """

    def __init__(self, base: Path, files: int) -> None:
        super().__init__(daemon=True)
        self._base = base
        self._files = files
        self._stopped = threading.Event()
        self.polls = 0
        self.incomplete: set[str] = set()

    def run(self) -> None:
        while not self._stopped.is_set():
            for folder in self._base.iterdir():
                if not folder.name.isdigit():
                    continue
                # A version that was taken away meanwhile is none that is half there.
                if file_count(folder) != self._files and folder.exists():
                    self.incomplete.add(folder.name)
            self.polls += 1

    def stop(self) -> None:
        """Stops after this look."""
        self._stopped.set()
        self.join()


def file_count(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


HELD = """
import sys, time
from components.pusher import version_folder
event, times, function, *arguments = sys.argv[1:]
left = int(times)
def hold(name, _):
    global left
    left -= name == event
    if name == event and left == 0:
        print("half", flush=True)
        time.sleep(60)
sys.addaudithook(hold)
getattr(version_folder, function)(*arguments)
"""


def kill_halfway(poller: Poller, event: str, times: int, *arguments: str) -> None:
    """Kills what works on a version when it comes to an event of Python for so many times."""
    command = [sys.executable, "-c", HELD, event, str(times), *arguments]
    working = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
    assert working.stdout is not None
    assert working.stdout.readline() == b"half\n"
    polls = poller.polls
    while poller.polls < polls + 3:
        time.sleep(0.001)
    working.send_signal(signal.SIGKILL)
    working.communicate()
    assert working.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("event", "times", "left"),
    [("shutil.copyfile", 2, 1), ("shutil.copyfile", 101, 100), ("os.rename", 1, 200)],
)
def test_a_server_never_sees_half_a_push(tmp_path: Path, event: str, times: int, left: int) -> None:
    model, base, files = tmp_path / "model", tmp_path / "serving", 200
    (model / "variables").mkdir(parents=True)
    for number in range(files):
        (model / "variables" / str(number)).write_text("x")
    first = version_folder.push(str(model), str(base))
    poller = Poller(base, files)
    poller.start()

    kill_halfway(poller, event, times, "push", str(model), str(base))

    [unfinished] = base.glob("*.incomplete")
    assert file_count(unfinished) == left
    assert version_folder.current_version(str(base)) == first
    second = version_folder.push(str(model), str(base))
    assert sorted(path.name for path in base.iterdir()) == [str(first), str(second)]
    assert version_folder.same_tree(str(model), str(base / str(second)))
    poller.stop()
    assert poller.incomplete == set()


def test_a_server_never_sees_half_a_removal(output: Output) -> None:
    first, _, _ = (output.run(content) for content, _ in MODELS)
    poller = Poller(output.serving, files=2)
    poller.start()

    # The second of the two files is still there.
    kill_halfway(poller, "os.remove", 2, "remove", str(first), str(output.serving))

    assert len(list(output.serving.glob("*.incomplete"))) == 1
    assert not output.versions()[first]["on_disk"]
    output.report("prune", "--keep", "2")
    poller.stop()
    assert poller.incomplete == set()
    assert list(output.serving.glob("*.incomplete")) == []
