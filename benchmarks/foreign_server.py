"""Proves a pushed model on a server that is not ours: NVIDIA's Triton, with plain TensorFlow.

Command: python -m benchmarks.foreign_server --model output/serving/retrieval/VERSION

It makes an environment from `foreign_server.txt`, about 1.7 GB in `.setup/`, starts Triton in it on
a free port of 127.0.0.1, asks over HTTP what the Trainer's model answered at export, and compares:
the same ids, and scores to 1e-5. Exit code 1 if any answer differs. TensorFlow Serving is in no
package registry; Triton is, in `nvidia-pytriton`, for Linux with glibc 2.35 or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests

from benchmarks.commands import ROOT
from components.serving import golden
from setup.bootstrap import ensure_uv
from setup.environment import exclusive, say
from setup.failure import SetupError
from setup.uv import run_uv

TOLERANCE = 1e-5
_ENVIRONMENT = ROOT / ".setup" / "foreign-server"
_LOCK_FILE = ROOT / "benchmarks" / "foreign_server.txt"
_SECONDS_TO_START = 300
_SECONDS_TO_ANSWER = 60
_SECONDS_TO_STOP = 60
_LONGEST_EXCERPT = 2_000


@dataclasses.dataclass(frozen=True)
class ForeignServer:
    """Triton, with a model per signature; it speaks KServe's protocol, version 2.

    Attributes:
        address: Where it listens.
        inputs: Type of each input of each signature, as the server names it.
    """

    address: str
    inputs: Mapping[str, Mapping[str, str]]

    def url(self, signature: str) -> str:
        """Where a signature is asked."""
        return f"{self.address}/v2/models/{signature}/infer"

    def body(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """A request as JSON, of nested lists by name."""
        arrays = {name: np.array(values) for name, values in inputs.items()}
        return {
            "inputs": [
                {
                    "name": name,
                    "shape": values.shape,
                    "datatype": self.inputs[signature][name],
                    "data": values.ravel().tolist(),
                }
                for name, values in arrays.items()
            ]
        }

    def ask(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Outputs of a signature.

        Raises:
            requests.HTTPError: The server refused the request.
        """
        body = self.body(signature, inputs)
        response = requests.post(self.url(signature), json=body, timeout=_SECONDS_TO_ANSWER)
        response.raise_for_status()
        return arrays(response.json())


def arrays(answer: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The outputs in an answer; text as bytes, as TensorFlow has it."""
    found = {}
    for output in answer["outputs"]:
        values = output["data"]
        if output["datatype"] == "BYTES":
            values = np.array([text.encode() for text in values], object)
        found[output["name"]] = np.reshape(values, output["shape"])
    return found


@contextlib.contextmanager
def running(model: Path, signatures: Sequence[str]) -> Iterator[ForeignServer]:
    """Triton, serving some signatures of a SavedModel.

    Raises:
        SetupError: Its environment could not be made.
        RuntimeError: It did not start; the message has its last words.
    """
    interpreter = _environment()
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="triton-") as folder:
        log = Path(folder) / "log"
        variables = {
            **os.environ,
            # Triton's stub looks for the shared library of Python.
            "LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR"),
            "PYTRITON_HOME": folder,
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        script = str(ROOT / "benchmarks" / "triton_server.py")
        command = [str(interpreter), script, "--model", str(model), "--port", str(port)]
        with (
            log.open("wb") as stream,
            subprocess.Popen(
                [*command, *signatures], env=variables, stdout=stream, stderr=subprocess.STDOUT
            ) as process,
        ):
            try:
                for signature in signatures:
                    _wait(f"{address}/v2/models/{signature}/ready", process, log)
                types = {name: _input_types(address, name) for name in signatures}
                yield ForeignServer(address, types)
            finally:
                _stop(process)


def _environment() -> Path:
    """The interpreter of an environment that holds what the lock file says."""
    interpreter = _ENVIRONMENT / "bin" / "python"
    with exclusive(ROOT) as lock:
        uv = ensure_uv(ROOT)
        say(f"installing from {_LOCK_FILE.relative_to(ROOT)}: about 1.7 GB the first time")
        create = ["venv", "--quiet", "--allow-existing", "--no-project", "--python", sys.executable]
        failed = f"{_ENVIRONMENT} could not be made; remove it, then try again"
        run_uv(uv, [*create, str(_ENVIRONMENT)], ROOT, lock, failed)
        sync = ["pip", "sync", "--quiet", "--require-hashes", "--python", str(interpreter)]
        failed = "Triton could not be installed; it needs Linux with glibc 2.35 and the network"
        run_uv(uv, [*sync, str(_LOCK_FILE)], ROOT, lock, failed)
    return interpreter


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=_SECONDS_TO_ANSWER).ok:
                return
        time.sleep(0.5)
    raise RuntimeError(f"Triton did not start:\n{log.read_text()[-_LONGEST_EXCERPT:]}")


def _input_types(address: str, signature: str) -> dict[str, str]:
    metadata = requests.get(f"{address}/v2/models/{signature}", timeout=_SECONDS_TO_ANSWER).json()
    return {given["name"]: given["datatype"] for given in metadata["inputs"]}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ask a pushed model on Triton.")
    parser.add_argument("--model", type=Path, required=True, help="folder of a pushed version")
    options = parser.parse_args()
    queries = golden.read(str(options.model))
    differences = 0
    try:
        with running(options.model, sorted({query.signature for query in queries})) as server:
            about = requests.get(f"{server.address}/v2", timeout=_SECONDS_TO_ANSWER).json()
            print(f"{about['name']} {about['version']} serves {options.model}")
            for number, query in enumerate(queries, start=1):
                answer = server.ask(query.signature, query.inputs)
                difference = query.differs(answer, TOLERANCE)
                differences += difference is not None
                print(f"golden query {number}, {query.signature}: {difference or 'equal'}")
    except (SetupError, RuntimeError) as error:
        sys.exit(f"{error}")
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main())
