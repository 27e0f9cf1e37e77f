"""Every check of `doctor`, on what is broken for real."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2

from components.datasets.fingerprints import file_sha256
from components.serving.interface import MANIFEST
from pipeline.doctor import data, folders, interpreter, machine, metadata, packages, serving
from pipeline.doctor.finding import Finding
from pipeline.output_lock import locked_output
from pipeline.paths import OutputPaths
from setup.stack import COMPAT, CURRENT, STACKS
from tests.datasets.grouplens_files import write_grouplens_100k
from tests.pipeline.command_line import RUNNER, finish, start

PROJECT = RUNNER.parent
TENSORFLOW = "2.16.2"


def _told(finding: Finding, status: str, *parts: str) -> None:
    """Asserts what was found: a bad finding has a remedy, and names what is wrong."""
    assert finding.status == status, finding
    for part in parts:
        assert part in f"{finding.sentence} {finding.remedy}"
    assert bool(finding.remedy) or status in ("ok", "note")


def test_python_of_another_stack() -> None:
    _told(interpreter.check_interpreter(COMPAT, (3, 10, 4)), "ok", "3.10.4")
    _told(interpreter.check_interpreter(CURRENT, (3, 10, 4)), "error", "3.10.4", "3.11 or 3.12")


def test_glibc_too_old_for_the_stack() -> None:
    def check(stack: str, glibc: tuple[int, int] | None, machine: str = "x86_64") -> Finding:
        return interpreter.check_stack(STACKS[stack], glibc, machine, {})

    _told(check("compat", (2, 36)), "ok", "glibc is 2.36")
    _told(check("current", (2, 36)), "error", "needs glibc 2.39", "has 2.36")
    _told(check("compat", (2, 41)), "note", "would choose current")
    _told(check("compat", (2, 17)), "error", "this machine has 2.17", "use Debian 12")
    _told(check("compat", (2, 36), "aarch64"), "error", "on aarch64", "Debian container")


def test_a_library_that_is_missing() -> None:
    _told(interpreter.check_libraries(), "ok", "libgomp.so.1")
    missing = (("libnowhere.so.9", "nobody", "libnowhere9"),)
    _told(
        interpreter.check_libraries(missing),
        "error",
        "libnowhere.so.9 is missing",
        "apt-get install libnowhere9",
    )


def test_variables_of_the_environment() -> None:
    [finding] = interpreter.check_variables({"TF_USE_LEGACY_KERAS": "1"})
    _told(finding, "ok")
    slow, keras = interpreter.check_variables({"PYTHONDONTWRITEBYTECODE": "1"})
    _told(slow, "warning", "unset PYTHONDONTWRITEBYTECODE")
    _told(keras, "error", "TF_USE_LEGACY_KERAS is not set")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    file = tmp_path / "pyproject.toml"
    file.write_text(
        '[project]\ndependencies = ["tensorflow>=2.16", "needed"]\n'
        '[project.optional-dependencies]\nfast = ["scann==1.3.2"]\n'
        "old = [\"gone; python_version < '3'\"]\n"
    )
    return file


def test_packages_that_are_not_those_of_the_lock(project: Path, tmp_path: Path) -> None:
    lock = tmp_path / "compat.txt"
    lock.write_text("tensorflow==2.16.2 \\\n    --hash=x\nNeeded==1.0 \\\nother_one==3\n")
    installed = {"tensorflow": TENSORFLOW, "needed": "1.0", "other-one": "3"}
    _told(packages.check_lock(lock, project, installed), "ok", "all 3 packages")
    changed = {**installed, "tensorflow": "2.17.0"}
    _told(
        packages.check_lock(lock, project, changed),
        "warning",
        "1 of 3",
        "tensorflow is 2.17.0 instead of 2.16.2",
        "make setup",
    )
    without = {name: v for name, v in installed.items() if name != "other-one"}
    _told(packages.check_lock(lock, project, without), "warning", "other-one is not installed")
    _told(packages.check_lock(lock, project, {}), "error", "tensorflow, needed are not installed")
    missing = packages.check_lock(tmp_path / "none.txt", project, installed)
    _told(missing, "warning", "none.txt is missing", "git checkout")


def test_what_is_installed_here_is_what_the_lock_says() -> None:
    installed = packages.installed_versions()
    assert installed["tensorflow"]
    for stack in STACKS:
        lock = PROJECT / "requirements" / f"{stack}.txt"
        finding = packages.check_lock(lock, PROJECT / "pyproject.toml", installed)
        own = installed["tfx"].startswith("1.16") == (stack == "compat")
        assert finding.status == ("ok" if own else "warning"), finding


def test_extras(project: Path) -> None:
    absent, old = packages.check_extras(project, {"tensorflow": TENSORFLOW})
    _told(absent, "note", "scann is not installed", "pip install '.[fast]'")
    _told(old, "note", "not for this Python")
    wrong, _ = packages.check_extras(project, {"scann": "1.4.0", "tensorflow": TENSORFLOW})
    _told(wrong, "warning", "scann 1.4.0 needs scann==1.3.2")
    fitting, _ = packages.check_extras(project, {"scann": "1.3.2"})
    _told(fitting, "ok", "scann 1.3.2")


@pytest.mark.skipif("scann" not in packages.installed_versions(), reason="scann is not installed")
def test_an_extra_built_against_another_tensorflow(project: Path) -> None:
    versions = {"scann": "1.3.2", "tensorflow": "2.21.0"}
    finding, _ = packages.check_extras(project, versions)
    _told(finding, "warning", "needs tensorflow", "2.21.0 is installed")


def test_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    _told(machine.check_disk("output", folder, needed=1), "ok", str(folder))
    _told(machine.check_disk("output", folder, needed=2**62), "error", "only", "prune")
    assert list(tmp_path.iterdir()) == []


def test_little_memory(tmp_path: Path) -> None:
    facts = tmp_path / "meminfo"
    facts.write_text("MemTotal:  4000000 kB\nMemFree: 1 kB\nMemAvailable:  3000000 kB\n")
    none = tmp_path / "no limit"

    def check(needed: int, limit: Path = none) -> Finding:
        return machine.check_memory(needed, facts, limit)

    _told(check(10**9), "ok", "3.1 GB of 4.1 GB")
    _told(check(35 * 10**8), "warning", "only 3.1 GB", "end other programs")
    _told(check(5 * 10**9), "error", "4.1 GB in all")
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    _told(check(10**9, limit), "ok")
    limit.write_text(f"{10**9}\n")
    _told(check(2 * 10**9, limit), "error", "1.0 GB in all", "limit of the container")


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    there, to_be_made = tmp_path / "there", tmp_path / "a" / "b"
    there.mkdir()
    _told(folders.check_writable("output", there), "ok", "can be written to")
    _told(folders.check_writable("output", to_be_made), "ok", "can be made")
    assert list(there.iterdir()) == []
    assert not to_be_made.parent.exists()
    file = tmp_path / "file"
    file.touch()
    _told(folders.check_writable("cache", file / "below"), "error", str(file), "another folder")
    # Where not even root can make a file.
    _told(folders.check_writable("cache", Path("/proc/output")), "error", "/proc")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    _told(folders.check_writable("output", tmp_path), "error", "Permission denied")


def test_locks(tmp_path: Path) -> None:
    _told(folders.check_lock(tmp_path), "ok")
    with locked_output(tmp_path):
        _told(folders.check_lock(tmp_path), "error", f"process {os.getpid()}", "wait")
    _told(folders.check_lock(tmp_path), "ok")
    (tmp_path / ".lock-owner").write_text("4711\n")
    _told(folders.check_lock(tmp_path), "warning", "process 4711 was killed")
    with locked_output(tmp_path):
        pass  # the lock is still good


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with an archive that was placed by hand, and what was extracted from it."""
    cache = tmp_path / "cache"
    write_grouplens_100k(tmp_path / "raw", users=20, movies=30, events=200, seed=1)
    cache.mkdir()
    archive = cache / "ml-100k.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for file in sorted((tmp_path / "raw").iterdir()):
            opened.write(file, f"ml-100k/{file.name}")
    checksum = file_sha256(str(archive))
    folder = cache / "extracted" / f"ml-100k-{checksum}"
    folder.parent.mkdir()
    (tmp_path / "raw").rename(folder)
    monkeypatch.setattr(data, "registered_checksum", lambda name: checksum)
    return cache


def test_data_in_the_cache(cache: Path) -> None:
    archive, extracted = data.check_source("tfds:movielens/100k", cache)
    _told(archive, "ok", "has the registered SHA-256")
    _told(extracted, "ok", "holds what ml-100k.zip does")


def test_an_archive_with_another_checksum(cache: Path) -> None:
    (cache / "ml-100k.zip").write_bytes(b"half of it")
    archive, _ = data.check_source("tfds:movielens/100k", cache)
    _told(archive, "error", hashlib.sha256(b"half of it").hexdigest()[:12], "remove it")


def test_extracted_files_that_were_changed(cache: Path) -> None:
    [folder] = (cache / "extracted").iterdir()
    with (folder / "u.data").open("a") as stream:
        stream.write("1\t1\t5\t881250949\n")
    _, extracted = data.check_source("tfds:movielens/100k", cache)
    _told(extracted, "error", "u.data", f"remove {folder}")
    (folder / "u.item").unlink()
    _, extracted = data.check_source("tfds:movielens/100k", cache)
    _told(extracted, "error", "u.item", f"remove {folder}")


def test_data_that_are_not_there(tmp_path: Path) -> None:
    [finding] = data.check_source("tfds:movielens/1m", tmp_path)
    _told(finding, "note", "ml-1m.zip is not in", "downloads")
    [finding] = data.check_source("tfds:movielens/7", tmp_path)
    _told(finding, "error", "movielens/7 is not a known source", "movielens/100k")
    [finding] = data.check_source(str(tmp_path / "none"), tmp_path)
    _told(finding, "error", "none")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK")
    [finding] = data.check_source(str(broken), tmp_path)
    _told(finding, "error", "not a whole archive", "get the archive again")
    write_grouplens_100k(tmp_path / "whole", users=20, movies=30, events=200, seed=1)
    [finding] = data.check_source(str(tmp_path / "whole"), tmp_path)
    _told(finding, "ok", "grouplens-100k")


def test_the_registered_checksum_is_that_of_tensorflow_datasets() -> None:
    from tensorflow_datasets.core.download import checksums

    urls = checksums.get_all_url_infos()
    found = {info.checksum for url, info in urls.items() if url.endswith("movielens/ml-100k.zip")}
    assert found == {data.registered_checksum("ml-100k.zip")}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "metadata.db"
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(file)
    store = mlmd.MetadataStore(connection)
    run = metadata_store_pb2.ContextType(name="pipeline_run")
    contexts = [
        metadata_store_pb2.Context(type_id=store.put_context_type(run), name=str(place))
        for place in range(3)
    ]
    store.put_contexts(contexts)
    return file


def test_metadata(database: Path, tmp_path: Path) -> None:
    before = file_sha256(str(database))
    _told(metadata.check_metadata(database), "ok", "schema version 10", "3 runs")
    assert file_sha256(str(database)) == before
    _told(metadata.check_metadata(tmp_path / "none.db"), "ok", "does not exist yet")
    assert not (tmp_path / "none.db").exists()


def test_metadata_that_are_damaged(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    database.write_bytes(content)
    _told(metadata.check_metadata(database), "error", "cannot be read", "restore it")
    database.write_bytes(b"not a database, though long enough to be taken for one" * 100)
    _told(metadata.check_metadata(database), "error", "not a database")


def test_metadata_of_something_else(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    _told(metadata.check_metadata(other), "error", "no such table: MLMDEnv")


def test_metadata_of_another_schema(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE MLMDEnv SET schema_version = 99")
    _told(metadata.check_metadata(database), "error", "schema version 99", "ml-metadata")


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    """Two versions as the Trainer exports them, as far as files go."""
    paths = OutputPaths.of(tmp_path / "output")
    for version in ("100", "200"):
        folder = paths.serving / version
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_text("graph")
        (folder / "variables" / "data").write_text("weights")
        names = ("saved_model.pb", "variables/data")
        files = {name: file_sha256(str(folder / name)) for name in names}
        (folder / MANIFEST).parent.mkdir()
        (folder / MANIFEST).write_text(json.dumps({"files": files}))
    return paths


def test_versions_that_are_whole(paths: OutputPaths, tmp_path: Path) -> None:
    first, second = serving.check_serving(paths)
    _told(first, "ok", "version 100")
    _told(second, "ok", "version 200, the current one")
    [nothing] = serving.check_serving(OutputPaths.of(tmp_path / "other"))
    _told(nothing, "ok", "no version was pushed")


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        ("echo other > variables/data", "other contents than at its export in variables/data"),
        ("rm variables/data", "lacks variables/data"),
        ("rm saved_model.pb", "has no saved_model.pb"),
        (f"rm {MANIFEST}", f"has no {MANIFEST}"),
        (f"echo nonsense > {MANIFEST}", "cannot be read"),
    ],
)
def test_versions_that_are_damaged(paths: OutputPaths, damage: str, part: str) -> None:
    for version, remedy in (("200", "rollback"), ("100", f"remove {paths.serving / '100'}")):
        subprocess.run(damage, shell=True, check=True, cwd=paths.serving / version)
        found = {
            finding.sentence.split()[1].strip(","): finding
            for finding in serving.check_serving(paths)
        }
        _told(found[version], "error", part, remedy)


def test_what_a_killed_push_has_left(paths: OutputPaths) -> None:
    (paths.serving / ".300.incomplete").mkdir()
    *_, finding = serving.check_serving(paths)
    _told(finding, "note", ".300.incomplete")


def test_the_command_is_quick_and_loads_no_tensorflow(paths: OutputPaths, tmp_path: Path) -> None:
    write_grouplens_100k(tmp_path / "data", users=20, movies=30, events=200, seed=1)
    arguments = ["doctor", "--output", str(paths.output), "--data", str(tmp_path / "data")]
    arguments += ["--cache", str(tmp_path / "cache")]
    script = (
        "import os, sys; os.environ['TF_USE_LEGACY_KERAS'] = '1'\n"
        f"sys.path.insert(0, {str(PROJECT)!r})\n"
        "from pipeline.cli import main\n"
        f"code = main({[*arguments, '--json']!r})\n"
        "assert not {'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    finished = finish(start([sys.executable, "-c", script]))
    assert (finished.code, finished.err) == (0, "")
    assert finished.report["healthy"]
    subjects = {finding["subject"] for finding in finished.report["findings"]}
    assert {"Python", "stack", "packages", "memory", "output", "cache", "lock", "data"} <= subjects
    assert {"metadata", "serving", "libraries", "extra kfp", "temporary"} <= subjects

    (paths.serving / "200" / "saved_model.pb").unlink()
    finished = finish(start([sys.executable, str(RUNNER), *arguments]))
    assert (finished.code, finished.err) == (1, "")
    [line] = (line for line in finished.out.splitlines() if line.startswith("ERROR"))
    assert "version 200 has no saved_model.pb. Remedy: go back" in line
