"""Executes a compiled pipeline on this machine, task by task, as a backend would.

It goes by the specification alone: task order, inputs, parameters, cache options, and each
container's own command line with its ExecutorInput. What it does not know it refuses.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_ROOT = Path(__file__).parents[2]
_AT_A_TIME = 2
_KNOWN_OF_TASK = {
    "taskInfo",
    "inputs",
    "dependentTasks",
    "cachingOptions",
    "componentRef",
    "retryPolicy",
}
_KNOWN_OF_CONTAINER = {"image", "command", "args", "resources"}


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    text = (_ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    final_stage = text.rpartition("\nFROM ")[2]
    lines = re.findall(r"^ENV .*$", final_stage, re.MULTILINE)
    found = re.findall(r"\b([A-Z_]+)=(\S+)", " ".join(lines))
    return {name: value for name, value in found if "$" not in value}  # those are the build's


class Container:
    """Where container commands run: forks of one process, with the image's environment."""

    def __init__(self) -> None:
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
        }
        image = image_environment()
        image.pop("PATH")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**environment, **image, "PYTHONPATH": str(_ROOT)},
        )
        self._next = 0

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def start(self, command: list[str], log: Path, folder: Path) -> int:
        """Starts a command and returns its id."""
        assert self._process.stdin is not None
        self._next += 1
        request = {"id": self._next, "command": command, "log": str(log), "folder": str(folder)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._next

    def next_ended(self) -> tuple[int, int]:
        """Waits for a command to end: its id and exit code."""
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline())
        return answer["id"], answer["code"]


@dataclasses.dataclass(frozen=True)
class Executed:
    """What became of a job.

    Attributes:
        outputs: Output artifacts (`RuntimeArtifact` as JSON) by task and name.
        cached: Tasks that the cache answered for.
        failed: The task that failed, and its log; None where all succeeded.
        not_run: Tasks that were not run because of it.
    """

    outputs: dict[str, dict[str, Any]]
    cached: set[str]
    failed: tuple[str, str] | None
    not_run: set[str]

    def metadata(self, task: str, output: str) -> dict[str, Any]:
        """Properties of an output artifact."""
        found: dict[str, Any] = self.outputs[task][output]["metadata"]
        return found


class SpecExecutor:
    """A backend with a cache and a folder for artifacts.

    Args:
        container: Where commands run.
        root: Folder that stands in for the pipeline root.
    """

    def __init__(self, container: Container, root: Path) -> None:
        self._container = container
        self._root = root
        self._cache: dict[str, dict[str, Any]] = {}
        self._artifacts = 0
        self._jobs = 0

    def execute(self, job: dict[str, Any], parameters: dict[str, Any]) -> Executed:
        """Runs a job to its end, independent tasks two at a time.

        Args:
            job: The compiled job.
            parameters: Parameters of the run that replace the compiled ones.
        """
        self._jobs += 1
        folder = self._root / f"job-{self._jobs}"
        run = _Run(self, job, {**job["runtimeConfig"]["parameterValues"], **parameters}, folder)
        return run.to_end()

    def new_artifact(self) -> str:
        """Name of an artifact, as Vertex AI's metadata store gives them."""
        self._artifacts += 1
        return f"projects/1/locations/here/metadataStores/default/artifacts/{self._artifacts}"

    @property
    def container(self) -> Container:
        """Where commands run."""
        return self._container

    @property
    def cache(self) -> dict[str, dict[str, Any]]:
        """Outputs by cache key."""
        return self._cache


class _Run:
    def __init__(
        self, backend: SpecExecutor, job: dict[str, Any], parameters: dict[str, Any], folder: Path
    ) -> None:
        self._backend = backend
        self._spec = job["pipelineSpec"]
        self._parameters = parameters
        self._folder = folder
        self._tasks: dict[str, Any] = self._spec["root"]["dag"]["tasks"]
        self._outputs: dict[str, dict[str, Any]] = {}
        self._cached: set[str] = set()

    def to_end(self) -> Executed:
        waiting = dict(self._tasks)
        running: dict[int, tuple[str, str]] = {}
        failed: tuple[str, str] | None = None
        while True:
            while not failed and len(running) < _AT_A_TIME:
                ready = next((name for name in waiting if self._is_ready(waiting[name])), None)
                if ready is None:
                    break
                started = self._start(ready, waiting.pop(ready))
                if started is not None:  # else the cache had it
                    running[started[0]] = (ready, started[1])
            if not running:
                break
            identity, code = self._backend.container.next_ended()
            name, key = running.pop(identity)
            if code:
                failed = (name, (self._folder / name / "log").read_text())
            else:
                self._collect(name, key)
        assert failed or not waiting, f"no order of tasks runs {sorted(waiting)}"
        return Executed(self._outputs, self._cached, failed, set(waiting))

    def _is_ready(self, task: dict[str, Any]) -> bool:
        producers = {
            entry["taskOutputArtifact"]["producerTask"]
            for entry in task.get("inputs", {}).get("artifacts", {}).values()
        }
        return producers | set(task.get("dependentTasks", [])) <= set(self._outputs)

    def _start(self, name: str, task: dict[str, Any]) -> tuple[int, str] | None:
        unknown = set(task) - _KNOWN_OF_TASK
        assert not unknown, f"{name} has {unknown}"
        component = self._spec["components"][task["componentRef"]["name"]]
        executor = self._spec["deploymentSpec"]["executors"][component["executorLabel"]]
        assert set(executor) == {"container"}, f"{name} is no container: {executor}"
        container = executor["container"]
        assert set(container) <= _KNOWN_OF_CONTAINER, container
        inputs = self._inputs(task, component)
        key = hashlib.sha256(
            json.dumps([name, container, inputs], sort_keys=True).encode()
        ).hexdigest()
        if task["cachingOptions"]["enableCache"] and key in self._backend.cache:
            self._outputs[name] = self._backend.cache[key]
            self._cached.add(name)
            return None
        folder = self._folder / name
        folder.mkdir(parents=True)
        outputs = {
            output: {
                "artifacts": [
                    {
                        "name": self._backend.new_artifact(),
                        "type": definition["artifactType"],
                        "uri": str(folder / output),
                    }
                ]
            }
            for output, definition in component.get("outputDefinitions", {})
            .get("artifacts", {})
            .items()
        }
        executor_input = {
            "inputs": inputs,
            "outputs": {"artifacts": outputs, "outputFile": str(folder / "executor_output.json")},
        }
        (folder / "executor_input.json").write_text(json.dumps(executor_input))
        command = [
            json.dumps(executor_input) if argument == "{{$}}" else argument
            for argument in container["command"] + container["args"]
        ]
        return self._backend.container.start(command, folder / "log", folder), key

    def _inputs(self, task: dict[str, Any], component: dict[str, Any]) -> dict[str, Any]:
        given = task.get("inputs", {})
        declared = component.get("inputDefinitions", {})
        artifacts = {}
        for name, entry in given.get("artifacts", {}).items():
            source = entry["taskOutputArtifact"]
            artifact = self._outputs[source["producerTask"]][source["outputArtifactKey"]]
            assert artifact["type"] == declared["artifacts"][name]["artifactType"], name
            artifacts[name] = {"artifacts": [artifact]}
        assert set(declared.get("artifacts", {})) == set(artifacts)
        values = {}
        for name, entry in given.get("parameters", {}).items():
            if "componentInputParameter" in entry:
                values[name] = self._parameters[entry["componentInputParameter"]]
            else:
                values[name] = entry["runtimeValue"]["constant"]
        assert set(declared.get("parameters", {})) == set(values)
        return {"artifacts": artifacts, "parameterValues": values}

    def _collect(self, name: str, key: str) -> None:
        folder = self._folder / name
        executor_input = json.loads((folder / "executor_input.json").read_text())
        written = json.loads((folder / "executor_output.json").read_text()).get("artifacts", {})
        outputs = {}
        for output, entry in executor_input["outputs"]["artifacts"].items():
            [artifact] = entry["artifacts"]
            [updated] = written[output]["artifacts"]
            assert updated["uri"] == artifact["uri"]
            outputs[output] = {**artifact, "metadata": updated.get("metadata", {})}
        self._outputs[name] = outputs
        self._backend.cache[key] = outputs
