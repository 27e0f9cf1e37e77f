"""What artifacts record of their files and of the code that made them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.provenance import source
from components.provenance.files import Digest, bytes_on_disk, digest
from components.provenance.recording import recorded
from tests.components.steps import new_artifact


class Executor:
    """Writes a file into what it gives out."""

    @recorded
    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        for artifact in output_dict["model"]:
            Path(artifact.uri, "weights").write_text(exec_properties["weights"])


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the files that a checkout of this project has."""
    folder = tmp_path / "checkout"
    (folder / "components").mkdir(parents=True)
    (folder / "docs").mkdir()
    for name in ("runner.py", "components/code.py", "docs/model.md"):
        (folder / name).write_text("1")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "all")
    return folder


def test_outputs_are_described_when_they_are_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = source.SourceState("a" * 40, True)
    monkeypatch.setattr("components.provenance.recording.running_source", lambda: state)
    models = [new_artifact(standard_artifacts.Model, tmp_path / name) for name in ("a", "b")]
    Executor().Do({}, {"model": models}, {"weights": "12345"})
    for model in models:
        checksum = sha256(f"weights\0{sha256('12345')}\n")
        assert model.get_string_custom_property("files_sha256") == checksum
        assert model.get_int_custom_property("files_bytes") == 5
        assert model.get_string_custom_property("git_commit") == "a" * 40
        assert model.get_int_custom_property("git_modified") == 1
        versions = json.loads(model.get_string_custom_property("package_versions"))
        for package in ("tfx", "tensorflow", "tensorflow-recommenders", "apache-beam"):
            assert versions[package] == metadata.version(package)


def test_without_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.provenance.recording.running_source", lambda: None)
    model = new_artifact(standard_artifacts.Model, tmp_path / "model")
    Executor().Do({}, {"model": [model]}, {"weights": ""})
    assert not model.has_custom_property("git_commit")
    assert not model.has_custom_property("git_modified")


def test_only_the_code_makes_a_checkout_modified(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    unchanged = source.SourceState(commit, False)
    assert source.checkout_state(checkout) == unchanged
    (checkout / "docs" / "model.md").write_text("2")
    (checkout / "notes").write_text("2")
    assert source.checkout_state(checkout) == unchanged
    (checkout / "components" / "new.py").write_text("2")
    assert source.checkout_state(checkout) == source.SourceState(commit, True)


def test_code_in_the_checkout_of_something_else_has_no_commit(checkout: Path) -> None:
    installed = checkout / "venv" / "site-packages"
    installed.mkdir(parents=True)
    assert source.checkout_state(installed) is None
    assert source.checkout_state(checkout.parent) is None


def test_an_image_names_its_commit() -> None:
    code = "from components.provenance.source import running_source; print(running_source())"
    for given, modified in (("abc", False), ("abc+", True)):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env={"SOURCE_COMMIT": given},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.strip() == str(source.SourceState("abc", modified))


def test_the_digest_of_a_folder_is_that_of_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "b").write_text("1")
    (folder / "sub" / "a").write_text("22")
    text = "".join(f"{name}\0{sha256(text)}\n" for name, text in (("b", "1"), ("sub/a", "22")))
    found = digest(str(folder))
    assert found == Digest(sha256(text), 3)
    assert bytes_on_disk(str(folder)) == 3
    (folder / "empty").mkdir()
    assert digest(str(folder)) == found
    (folder / "b").rename(folder / "c")
    assert digest(str(folder)) != found
    assert digest(str(folder / "c")) == Digest(sha256(f"\0{sha256('1')}\n"), 1)
    assert bytes_on_disk(str(tmp_path / "none")) is None
    with pytest.raises(FileNotFoundError):
        digest(str(tmp_path / "none"))


def test_a_remote_folder_has_the_digest_of_its_copy(tmp_path: Path) -> None:
    from tfx.dsl.io import fileio

    (tmp_path / "sub").mkdir()
    for name in ("b", "sub/a"):
        (tmp_path / name).write_text(name)
    remote = "ram://test_provenance/model"
    fileio.makedirs(f"{remote}/sub")
    for name in ("b", "sub/a"):
        with fileio.open(f"{remote}/{name}", "w") as stream:
            stream.write(name)
    assert digest(remote) == digest(str(tmp_path))
    assert bytes_on_disk(remote) is None
