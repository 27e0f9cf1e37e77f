"""ML Metadata in servers: PostgreSQL, MariaDB, and ML Metadata's own protocol."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import ml_metadata as mlmd
import pytest

from pipeline import presets
from pipeline.cli import main
from pipeline.failure import UsageError
from pipeline.metadata_store import allows_cache, connection_to
from pipeline.paths import OutputPaths
from pipeline.recovery import close_killed_executions
from pipeline.redaction import redact
from pipeline.store_server import PASSWORD_VARIABLE, URL_VARIABLE, StoreServer
from tests.datasets.grouplens_files import write_grouplens_100k
from tests.pipeline.command_line import Workspace, state_name
from tests.pipeline.metadata_servers import (
    PASSWORD,
    drop_long_value_index,
    start_server,
    with_password,
)
from tests.pipeline.test_versions import Output


@pytest.fixture(params=["postgresql", "mysql", "grpc"], scope="module")
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server; its password is in the environment."""
    with start_server(request.param) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSWORD_VARIABLE, PASSWORD)
        yield url


@dataclasses.dataclass
class ServerOutput(Output):
    """An output folder whose metadata is in a server, which the environment names."""

    url: str = ""

    def store(self) -> mlmd.MetadataStore:
        return mlmd.MetadataStore(connection_to(StoreServer.parse(self.url)))


def test_versions_and_rollback(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    output = ServerOutput(tmp_path / "output", capsys, url=url)
    # Another folder's versions, in the same server.
    other = ServerOutput(tmp_path / "other", capsys, url=url)
    other.run("theirs", 0.9)
    other.run("more", 0.9)
    other.report("rollback")
    first = output.run("a", 0.25)
    second = output.run("b", 0.75)
    assert list(output.versions()) == [second, first]
    done = output.report("rollback", str(first))
    assert done["rolled_back_to"] == first
    found = output.versions()
    assert list(found) == [done["version"], second, first]
    assert found[done["version"]]["republication_of"] == first
    assert found[done["version"]]["unseen_top_100_accuracy"] == 0.25
    assert len(other.versions()) == 3
    told = output.report("lineage", "show")["story"]["push"]
    assert (told["version"], told["republication_of"]) == (done["version"], first)
    assert (told["before"], told["after"]) == (second, None)
    # Only a rollback leaves a live artifact here, and the other folder has one too.
    [verified] = output.report("lineage", "verify")["places"]
    assert verified["place"] == str(output.serving / str(done["version"]))
    assert verified["outcome"] == "intact"
    output.report("prune", "--keep", "1")
    assert output.versions()[second]["removed_at"]


def test_only_executions_that_left_something_here_are_closed(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ServerOutput(tmp_path / "output", capsys, url=url)
    output.run("a")
    output.run("b")
    store = output.store()
    ours, theirs = store.get_executions_by_type("components.pusher.component.ServingPusher")[-2:]
    for execution in (ours, theirs):
        execution.last_known_state = execution.RUNNING
    store.put_executions([ours, theirs])
    paths = OutputPaths.of(output.folder, StoreServer.parse(url))
    left = Path(paths.artifacts, "Pusher", "pushed_model", str(ours.id))
    working = Path(paths.artifacts, "Pusher", ".system", "executor_execution", str(ours.id))
    for folder in (left, working):
        folder.mkdir(parents=True)
    assert close_killed_executions(paths, "movielens-retrieval") == 1
    states = [state_name(e) for e in store.get_executions_by_id([ours.id, theirs.id])]
    assert states == ["FAILED", "RUNNING"]
    assert not left.exists()
    assert not working.exists()


def test_in_a_database_of_its_own_all_are_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Output(tmp_path / "output", capsys)
    output.run("a")
    store = output.store()
    [killed] = store.get_executions_by_type("components.pusher.component.ServingPusher")
    killed.last_known_state = killed.RUNNING
    store.put_executions([killed])
    assert close_killed_executions(OutputPaths.of(output.folder), "movielens-retrieval") == 1
    assert state_name(store.get_executions_by_id([killed.id])[0]) == "FAILED"


def test_a_server_that_refuses_is_told_in_one_sentence(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = StoreServer.parse(url)
    if server.kind == "grpc":
        url = "grpc://127.0.0.1:1"
    monkeypatch.setenv(PASSWORD_VARIABLE, "not-the-password")
    arguments = ["--output", str(tmp_path / "none"), "--metadata", url]
    assert main(["versions", *arguments]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"Error: the metadata server {StoreServer.parse(url)} cannot be used:")
    assert "not-the-password" not in told
    assert main(["run", "--data", str(tmp_path), *arguments]) == 1
    assert not (tmp_path / "none").exists()


def test_a_run_with_its_metadata_in_postgresql(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "data", tmp_path / "cache", tmp_path / "output")
    workspace.data.mkdir()
    write_grouplens_100k(workspace.data, users=60, movies=160, events=3000, seed=7)
    with (workspace.data / "u.data").open("a") as stream:
        stream.write("not a row\n")
    with start_server("postgresql") as url:
        monkeypatch.setenv(URL_VARIABLE, with_password(url))
        assert main(workspace.command()[2:]) == 1  # without Python and runner.py
        told = "drop it once with psql: DROP INDEX idx_artifact_property_string;"
        assert told in capsys.readouterr().err
        drop_long_value_index(url)
        failed = workspace.run()
        assert failed.code == 1
        assert "u.data, line 3001" in failed.err
        store = mlmd.MetadataStore(connection_to(StoreServer.parse(with_password(url))))
        states = {e.type.rpartition(".")[2]: state_name(e) for e in store.get_executions()}
        assert "FAILED" in states.values()
    assert not (workspace.output / "metadata").exists()
    text = max((workspace.output / "logs").iterdir()).read_text(encoding="utf-8")
    assert url in text
    assert "***" in text  # TFX logs how it connects
    for file in (path for path in workspace.output.rglob("*") if path.is_file()):
        assert PASSWORD.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///x", "is not mysql://USER@HOST/DATABASE, postgresql"),
        ("mysql:///x", "is not mysql://"),
        ("mysql://me@host:port/x", "is not mysql://"),
        ("mysql://me:PW@host/a-b", "names the database 'a-b'"),
        ("mysql://me:PW@host", "names the database ''"),
        ("postgresql://host/x", "names no user"),
        ("grpc://me:PW@host", "without user or path"),
        ("postgresql://me:PW@host/x?ca=1", "the unknown option 'ca'; those of postgresql are: ssl"),
    ],
)
def test_a_wrong_url_is_told_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        presets.load("default", [f"metadata.url={url}"])
    assert "PW" not in str(caught.value)


def test_urls_become_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "from environment")
    mysql = connection_to(StoreServer.parse("mysql://me:p%40s@host/x?ca=a.pem&cert=b")).mysql
    assert (mysql.host, mysql.port, mysql.user, mysql.password) == ("host", 3306, "me", "p@s")
    assert (mysql.ssl_options.ca, mysql.ssl_options.cert) == ("a.pem", "b")
    postgresql = connection_to(StoreServer.parse("postgresql://me@[::1]:99/x?sslmode=require"))
    config = postgresql.postgresql
    assert (config.host, config.port, config.dbname) == ("::1", "99", "x")
    assert (config.password, config.ssloption.sslmode) == ("from environment", "require")
    client = connection_to(StoreServer.parse("grpc://host:99"))
    assert (client.host, client.port) == ("host", 99)


def test_nothing_is_cached_where_rows_have_no_order(tmp_path: Path) -> None:
    servers = ("postgresql://me@host/x", "mysql://me@host/x", "grpc://host")
    assert [allows_cache(StoreServer.parse(url)) for url in servers] == [False, True, True]
    assert allows_cache(tmp_path / "metadata.db")


def test_passwords_are_not_recorded() -> None:
    config = presets.load("default", ["metadata.url=mysql://me:a%2Fb@host/x"])
    assert config.metadata.url is not None
    assert config.metadata.url.password == "a/b"
    for text in (config.model_dump_json(), repr(config), str(config.metadata.url)):
        assert "mysql://me" in text or "host='host'" in text
        assert "a/b" not in text
        assert "a%2Fb" not in text
    told = redact(f'{os.sep}--metadata=mysql://me:a%2Fb@host/x password: "a\\"b" and a/b', "a/b")
    assert told == f'{os.sep}--metadata=mysql://me:***@host/x password: "***" and ***'
