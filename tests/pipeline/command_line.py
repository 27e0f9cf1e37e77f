"""Runs the command line as a person would, and looks at what it left."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

RUNNER = Path(__file__).resolve().parents[2] / "runner.py"
# Small enough to train in seconds, with bounds that such a model passes.
SMALL = (
    "training.embedding_dimension=8",
    "training.batch_size=256",
    "training.epochs=2",
    "gate.min_top_100_accuracy=0.05",
    "gate.min_unseen_top_100_accuracy=0.05",
    "gate.max_drop_from_baseline=0.9",
    "gate.min_gain_over_popularity=0.0",
    "gate.max_repeated_top_10_share=0.99",
)


@dataclasses.dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON object on the last line of standard output."""
        parsed: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return parsed

    @property
    def cached(self) -> set[str]:
        """The components that the cache answered for."""
        return {name for name, entry in self.report["components"].items() if entry["cached"]}


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A data set and the output folder of runs on it."""

    data: Path
    cache: Path
    output: Path

    def command(self, *assignments: str, data: Path | None = None) -> list[str]:
        """A run with the values of `SMALL`, except where `assignments` replace them."""
        command = [sys.executable, str(RUNNER), "run", "--json", "--data", str(data or self.data)]
        command += ["--cache", str(self.cache), "--output", str(self.output)]
        for assignment in (*SMALL, *assignments):
            command += ["--set", assignment]
        return command

    def run(self, *assignments: str, data: Path | None = None) -> Finished:
        """Runs the pipeline to its end."""
        return finish(self.start(*assignments, data=data))

    def start(self, *assignments: str, data: Path | None = None) -> subprocess.Popen[str]:
        """Starts a run."""
        return start(self.command(*assignments, data=data))

    def on_models(self, *arguments: str) -> Finished:
        """Runs a command on exported models, with the values of `SMALL`."""
        command = [sys.executable, str(RUNNER), *arguments, "--json", "--data", str(self.data)]
        command += ["--cache", str(self.cache), "--output", str(self.output)]
        for assignment in SMALL:
            command += ["--set", assignment]
        return finish(start(command))

    def serving(self) -> dict[str, str]:
        """SHA-256 of every file below `serving/`."""
        return file_hashes(self.output / "serving")

    def artifacts(self) -> dict[str, str]:
        """SHA-256 of every file of every artifact."""
        return file_hashes(self.output / "artifacts")

    def store(self) -> mlmd.MetadataStore:
        """The metadata of all runs."""
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(self.output / "metadata" / "metadata.db")
        return mlmd.MetadataStore(connection)

    def artifact_counts(self) -> collections.Counter[str]:
        """Number of artifacts by type."""
        return collections.Counter(artifact.type for artifact in self.store().get_artifacts())

    def execution_counts(self) -> collections.Counter[tuple[str, str]]:
        """Number of executions by the last part of their type, and state."""
        return collections.Counter(
            (execution.type.rpartition(".")[2], state_name(execution))
            for execution in self.store().get_executions()
        )


def state_name(execution: metadata_store_pb2.Execution) -> str:
    """The state of an execution in words."""
    return str(metadata_store_pb2.Execution.State.Name(execution.last_known_state))


def start(command: list[str]) -> subprocess.Popen[str]:
    """Starts a command with its output piped."""
    environment = {**os.environ, "COLUMNS": "100"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def finish(process: subprocess.Popen[str]) -> Finished:
    """Waits for a command to end."""
    out, err = process.communicate(timeout=300)
    return Finished(process.returncode, out, err)


def wait_for_line(process: subprocess.Popen[str], beginning: str) -> None:
    """Reads the standard error of a command up to a line that begins so."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(beginning):
            return
    raise AssertionError(f"the command ended without a line that begins with {beginning!r}")


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 by path below the folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
