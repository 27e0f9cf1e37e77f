"""Reading the metadata while something else writes it: neither blocks or fails the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.metadata_writer import MetadataWriter
from pipeline.lineage.reading import MetadataReader
from pipeline.lineage.walk import upstream
from pipeline.metadata_store import open_store
from tests.pipeline.command_line import RUNNER, file_hashes

# Writes one step after the other, as a run does, and says so, until it is told to end.
WRITE = """
import sys, time
from pathlib import Path
from benchmarks.metadata_writer import MetadataWriter
writer = MetadataWriter(Path(sys.argv[1]))
writer.begin_run("run 1")
data = writer.step("ExampleGen", {}, {"examples": "Examples"})
for _ in range(int(sys.argv[2])):
    writer.step("Trainer", data, {"model": "Model"})
    print("step", flush=True)
    time.sleep(0.02)
"""
# Holds a lock for a while: that of a write, or with one read that of a reader.
HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"BEGIN {sys.argv[2]}")
connection.execute("SELECT count(*) FROM Artifact").fetchall()
print("held", flush=True)
time.sleep(0.5)
print(time.time(), flush=True)
connection.execute("COMMIT")
"""
# Dies in a write so large that a part of it is in the file already.
HALF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE Artifact SET uri = 'half'")
row = "(1, hex(randomblob(8)), 1, hex(randomblob(900)))"
columns = "artifact_id, name, is_custom_property, string_value"
for _ in range(500):
    connection.execute(f"INSERT INTO ArtifactProperty ({columns}) VALUES {row}")
os._exit(9)
"""
STEPS = 200


def database(output: Path) -> Path:
    return output / "metadata" / "metadata.db"


def start_writer(output: Path, steps: int = STEPS) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITE, str(output), str(steps)]
    writer = subprocess.Popen(command, cwd=RUNNER.parent, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "step\n"
    return writer


def test_reads_and_writes_go_on_side_by_side(tmp_path: Path) -> None:
    writer = start_writer(tmp_path)
    counts = []
    while writer.poll() is None:
        reader = MetadataReader(open_store(database(tmp_path)))
        models = reader.artifacts_of_type("Model")
        assert set(upstream(reader, models[-1].id).artifacts) == {1, models[-1].id}
        counts.append(len(models))
    assert writer.returncode == 0
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    reader = MetadataReader(open_store(database(tmp_path)))
    assert len(reader.artifacts_of_type("Model")) == STEPS


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "DEFERRED"])
def test_a_reader_waits_for_a_write_and_a_write_for_a_reader(tmp_path: Path, lock: str) -> None:
    writer = MetadataWriter(tmp_path)
    writer.begin_run("run 1")
    data = writer.step("ExampleGen", {}, {"examples": "Examples"})
    reader = MetadataReader(open_store(database(tmp_path)))
    command = [sys.executable, "-c", HOLD, str(database(tmp_path)), lock]
    # Locks of SQLite are between processes.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        if lock == "EXCLUSIVE":
            assert set(reader.artifacts([1])) == {1}
        else:
            writer.step("Trainer", data, {"model": "Model"})
        ended = time.time()
        assert ended >= float(holder.stdout.readline())
    assert len(reader.artifacts_of_type("Model")) == (lock == "DEFERRED")


def test_a_store_whose_writer_was_killed_can_be_read(tmp_path: Path) -> None:
    for attempt in range(5):
        output = tmp_path / str(attempt)
        writer = start_writer(output, 10_000)
        time.sleep(0.05 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        reader = MetadataReader(open_store(database(output)))
        models = reader.artifacts_of_type("Model")
        assert models
        assert set(upstream(reader, models[-1].id).artifacts) == {1, models[-1].id}


def test_half_a_write_is_not_read_and_not_undone(tmp_path: Path) -> None:
    writer = MetadataWriter(tmp_path)
    writer.begin_run("run 1")
    writer.step("ExampleGen", {}, {"examples": "Examples"})
    uri = MetadataReader(writer.store).artifacts([1])[1].uri
    subprocess.run([sys.executable, "-c", HALF, str(database(tmp_path))], check=False)
    before = file_hashes(tmp_path)
    assert set(before) == {"metadata/metadata.db", "metadata/metadata.db-journal"}

    reader = MetadataReader(open_store(database(tmp_path)))

    artifact = reader.artifacts([1])[1]
    assert (artifact.uri, artifact.properties) == (uri, {})
    assert file_hashes(tmp_path) == before
    MetadataReader(open_store(database(tmp_path), writable=True))
    assert set(file_hashes(tmp_path)) == {"metadata/metadata.db"}
