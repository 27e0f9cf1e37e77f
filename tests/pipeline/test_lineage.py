"""`lineage` on a store of three runs, a rollback and a run that was killed."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from tests.pipeline.command_line import RUNNER, Finished, file_hashes
from tests.pipeline.lineage_store import VERSIONS, Output, write_output

GOLDEN = Path(__file__).with_name("lineage_tree.txt")
# What takes seconds to load, and is not needed to read metadata.
SLOW = {"tensorflow", "tfx", "apache_beam", "pandas", "pyarrow", "tensorflow_data_validation"}
Command = Callable[..., Finished]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Only read by the tests."""
    return write_output(tmp_path_factory.mktemp("lineage") / "output")


@pytest.fixture
def lineage(output: Output, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process."""

    def run(*arguments: str, folder: Path | None = None) -> Finished:
        place = str(folder or output.paths.output)
        code = main(["lineage", *arguments, "--output", place])
        return Finished(code, *capsys.readouterr())

    return run


@pytest.fixture
def own(output: Output, tmp_path: Path) -> Iterator[Path]:
    """The output folder for a test that changes it; it is put back afterwards."""
    kept = tmp_path / "kept"
    shutil.copytree(output.paths.output, kept)
    yield output.paths.output
    shutil.rmtree(output.paths.output)
    shutil.copytree(kept, output.paths.output)


def told(finished: Finished) -> dict[str, Any]:
    """The JSON object of a command that has to succeed."""
    assert (finished.code, finished.err) == (0, "")
    return finished.report


def artifacts(report: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """What was found, by id; each once."""
    found = {artifact["id"]: artifact for artifact in report["artifacts"]}
    assert len(found) == len(report["artifacts"])
    return found


def test_the_tree_has_the_whole_story(
    output: Output, lineage: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    finished = lineage(str(VERSIONS[1]))
    assert (finished.code, finished.err) == (0, "")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", finished.out)
    text = re.sub(r"\d+\.\d s\)", "SECONDS)", text)
    text = text.replace(str(output.paths.versions()[-1]), "REPUBLISHED")
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_baseline_is_named_and_leaks_nothing(output: Output, lineage: Command) -> None:
    report = told(lineage(str(VERSIONS[1]), "--json"))
    found = artifacts(report)
    ids = output.ids
    shared = {name for node in output.shared.values() for name in node.values()}
    own = {identity for name, identity in ids.items() if name.startswith("2.")}
    baseline = ids["1.Trainer.model"]
    assert set(found) == shared | own | {baseline}
    assert {i for i, artifact in found.items() if artifact["baseline"]} == {baseline}
    assert {i for i, artifact in found.items() if artifact["from_cache"]} == shared
    assert report["run"] == "run 2"
    executions = {execution["id"]: execution for execution in report["executions"]}
    assert {execution["state"] for execution in executions.values()} == {"COMPLETE"}
    for name, identity in ids.items():
        if identity in found and identity != baseline:
            assert executions[found[identity]["made_by"]]["node"] == name.split(".")[1]
            assert found[identity]["bytes"] == (output.place(identity) / "file").stat().st_size
    story = report["story"]
    assert story["training"]["hyperparameters"]["learning_rate"] == 0.004
    assert story["training"]["curve_end"] == {"loss": 3.0}
    assert story["gate"]["baseline"] == baseline
    assert story["data"]["rows"] == {"train": 70, "valid": 10, "eval": 20}
    assert story["code"]["git_commit"] == "a" * 40
    assert story["code"]["git_modified"] is True
    assert story["packages"]["stack"] == "compat"
    assert story["push"]["before"] == VERSIONS[0]


def test_the_first_model_has_no_baseline(output: Output, lineage: Command) -> None:
    report = told(lineage(str(VERSIONS[0]), "--json"))
    expected = {identity for name, identity in output.ids.items() if name.startswith("1.")}
    assert set(artifacts(report)) == expected
    assert not any(artifact["from_cache"] for artifact in report["artifacts"])
    assert "baseline" not in report["story"]["gate"]


def test_a_model_that_was_not_blessed(output: Output, lineage: Command) -> None:
    pushed, model = (output.ids[f"3.{name}"] for name in ("Pusher.pushed_model", "Trainer.model"))
    story = told(lineage(str(pushed), "--json"))["story"]
    assert story["push"]["outcome"] == "not_blessed"
    assert "version" not in story["push"]
    assert story["gate"]["blessed"] is False
    assert [reason["passed"] for reason in story["gate"]["reasons"]] == [False]
    tree = lineage(str(pushed)).out
    assert tree.startswith(f"PushedModel #{pushed}: not blessed")
    assert "FAILED  it is 0.3, below 0.4" in tree
    # The model alone is told with what its run said of it.
    report = told(lineage(str(model), "--json"))
    assert {output.ids["3.Evaluator.blessing"], pushed} <= set(artifacts(report))
    assert output.ids["2.Trainer.model"] in {a["id"] for a in report["artifacts"] if a["baseline"]}
    assert report["story"]["metrics"]["model"]["top_100_accuracy"] == 0.3
    blessed = lineage(str(output.ids["2.Trainer.model"])).out
    assert blessed.startswith(f"Model #{output.ids['2.Trainer.model']}\n")
    assert f"served from serving/retrieval/{VERSIONS[1]}" in blessed


def test_a_model_that_was_rolled_back_to(output: Output, lineage: Command) -> None:
    republished = output.paths.versions()[-1]
    report, first = (told(lineage(*name, "--json")) for name in ((), (str(VERSIONS[0]),)))
    push = report["story"]["push"]
    assert (push["version"], push["current"]) == (republished, True)
    assert push["republication_of"] == VERSIONS[0]
    assert push["before"] == VERSIONS[1]
    [rollback] = push["rollbacks"]
    assert (rollback["rolled_back_to"], rollback["rolled_back_from"]) == VERSIONS
    assert first["story"]["push"]["rollbacks"] == [rollback]
    assert set(artifacts(report)) == set(artifacts(first)) | {report["target"]}
    assert report["run"] == "run 1"
    for section in ("training", "metrics", "gate", "configuration", "data", "anomalies"):
        assert report["story"][section] == first["story"][section]


def test_every_model_that_rests_on_the_data(output: Output, lineage: Command) -> None:
    ids, republished = output.ids, output.paths.versions()[-1]
    for name in ("1.ExampleGen.examples", "1.Schema.schema"):
        report = told(lineage(str(ids[name]), "--downstream", "--json"))
        models = {model["id"]: (model["blessed"], model["versions"]) for model in report["models"]}
        assert models == {
            ids["1.Popularity.model"]: (None, []),
            ids["1.Trainer.model"]: (True, [VERSIONS[0], republished]),
            ids["2.Trainer.model"]: (True, [VERSIONS[1]]),
            ids["3.Trainer.model"]: (False, []),
        }
    rows = lineage(str(ids["1.Schema.schema"]), "--downstream").out.splitlines()[2:]
    assert [row.split()[0] for row in rows] == [f"#{identity}" for identity in models]
    run = told(lineage(str(ids["1.Trainer.model_run"]), "--downstream", "--json"))
    assert run["models"] == []


def test_what_differs_is_told_shortest_first(output: Output, lineage: Command) -> None:
    finished = lineage("diff", str(VERSIONS[0]), str(VERSIONS[1]))
    assert (finished.code, finished.err) == (0, "")
    lines = finished.out.splitlines()
    assert lines == sorted(lines, key=len)
    model = {run: output.ids[f"{run}.Trainer.model"] for run in (1, 2)}
    assert f"gate.baseline  - -> {model[1]}" in lines
    assert "training.hyperparameters.learning_rate  0.003 -> 0.004" in lines
    assert "training.curve_end.loss  2 -> 3" in lines
    assert "code.git_modified  false -> true" in lines
    assert f"code.git_commit  {'b' * 40} -> {'a' * 40}" in lines
    assert sum(line.startswith("files.Trainer.") for line in lines) == 2
    assert not [line for line in lines if line.startswith(("data", "push", "files.ExampleGen"))]
    same = lineage("diff", str(VERSIONS[0]), str(output.paths.versions()[-1]))
    assert (same.code, same.out) == (0, "Nothing differs.\n")


def test_files_are_verified(output: Output, lineage: Command, own: Path) -> None:
    intact = lineage("verify", "--json")
    assert (intact.code, intact.report["damaged"]) == (0, 0)
    assert set(intact.report["counts"]) == {"intact"}
    assert len(intact.report["places"]) == len(output.ids) + 3

    changed, gone, more = (
        output.place(output.ids[name])
        for name in ("1.ExampleGen.examples", "2.Trainer.model", "3.Evaluator.blessing")
    )
    (changed / "file").write_text("ExampleGen examples of run 2")
    shutil.rmtree(gone)
    (more / "more").touch()
    served = output.paths.serving / str(VERSIONS[1])
    (served / "file").write_text("else")
    outcomes = {str(changed): "changed", str(gone): "gone", str(more): "changed"}
    outcomes[str(served)] = "changed"

    def damaged(*target: str) -> dict[str, str]:
        finished = lineage("verify", *target, "--json")
        assert finished.code == 1
        places = {found["place"]: found["outcome"] for found in finished.report["places"]}
        return {place: outcome for place, outcome in places.items() if outcome != "intact"}

    assert damaged() == outcomes
    del outcomes[str(more)]
    assert damaged(str(VERSIONS[1])) == outcomes
    lines = lineage("verify").out.splitlines()
    assert f"gone  #{output.ids['2.Trainer.model']} Model  {gone}" in lines
    tree = lineage(str(VERSIONS[1])).out
    assert re.search(r"Trainer/model/\d+\s+gone", tree)


def test_what_was_pruned_is_not_missed(lineage: Command, own: Path) -> None:
    assert main(["prune", "--keep", "1", "--output", str(own)]) == 0
    lineage("--help")
    finished = lineage("verify", "--json")
    assert finished.code == 0
    assert finished.report["counts"]["pruned"] == 2
    assert "pruned" in lineage(str(VERSIONS[1])).out


def test_a_model_can_be_named_in_many_ways(
    output: Output, lineage: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = output.ids["2.Pusher.pushed_model"]
    monkeypatch.chdir(output.paths.output)
    for name in (
        str(VERSIONS[1]),
        str(identity),
        f"serving/retrieval/{VERSIONS[1]}",
        f"serving/retrieval/{VERSIONS[1]}/file",
        str(output.place(identity)),
    ):
        assert told(lineage("show", name, "--json"))["target"] == identity
    examples = output.ids["1.ExampleGen.examples"]
    inside = str(output.place(examples) / "Split-train" / "data.parquet")
    assert told(lineage(inside, "--json"))["target"] == examples


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["17000"], 1, "17000 is neither a pushed version nor the id of an artifact"),
        (["./diff"], 1, "./diff is neither a pushed version, nor the id of an artifact, nor a"),
        (["show", "diff"], 1, "diff is neither a pushed version, nor the id"),
        (["--downstream"], 2, "--downstream needs the id or the path of an artifact"),
        (["--dot", "--json"], 2, "lineage takes either --dot or --json"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(
    lineage: Command, arguments: list[str], code: int, sentence: str
) -> None:
    finished = lineage(*arguments)
    assert (finished.code, finished.out) == (code, "")
    assert sentence in finished.err
    assert len(finished.err.splitlines()) == 1


def test_a_version_that_is_not_in_the_metadata(lineage: Command, own: Path) -> None:
    (own / "serving" / "retrieval" / "1900000000").mkdir()
    finished = lineage()
    assert finished.code == 1
    assert "version 1900000000 stands in" in finished.err


def test_graphviz_gets_every_artifact_execution_and_edge(output: Output, lineage: Command) -> None:
    report = told(lineage(str(VERSIONS[1]), "--json"))
    lines = lineage(str(VERSIONS[1]), "--dot").out.splitlines()
    assert (lines[0], lines[-1]) == ("digraph lineage {", "}")
    boxes = {int(n) for line in lines for n in re.findall(r"^  a(\d+) \[", line)}
    assert boxes == set(artifacts(report))
    edges = [line for line in lines if " -> " in line]
    assert len(edges) == len(report["edges"])
    baseline = output.ids["1.Trainer.model"]
    [dashed] = [line for line in edges if "style=dashed" in line]
    assert dashed.startswith(f"  a{baseline} -> ")


def test_nothing_is_written(output: Output, lineage: Command, tmp_path: Path) -> None:
    before = file_hashes(output.paths.output)
    for arguments in ([], ["--json"], ["verify"], ["diff", *map(str, VERSIONS)]):
        assert lineage(*arguments).code == 0
    assert file_hashes(output.paths.output) == before
    finished = lineage(folder=tmp_path / "none")
    assert finished.code == 1
    assert "there is no metadata" in finished.err
    assert not (tmp_path / "none").exists()


def test_a_store_of_another_schema_is_not_migrated(
    output: Output, lineage: Command, tmp_path: Path
) -> None:
    shutil.copytree(output.paths.output / "metadata", tmp_path / "metadata")
    database = tmp_path / "metadata" / "metadata.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE MLMDEnv SET schema_version = schema_version - 1")
    connection.close()
    before = database.read_bytes()
    finished = lineage(folder=tmp_path)
    assert (finished.code, finished.out) == (1, "")
    assert "cannot be opened" in finished.err
    assert len(finished.err.splitlines()) == 1
    assert database.read_bytes() == before


def test_metadata_is_read_without_tensorflow(output: Output) -> None:
    code = (
        "import sys; from pipeline.cli import main\n"
        f"assert main(['lineage', '--output', {str(output.paths.output)!r}]) == 0\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=RUNNER.parent, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(result.stdout.splitlines()[-1].replace("'", '"')))
    assert "ml_metadata" in loaded
    assert not loaded & SLOW
