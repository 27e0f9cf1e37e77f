"""The server as a process, and a client of it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import requests

from pipeline.paths import OutputPaths
from tests.pipeline.command_line import RUNNER, start

_ADDRESS = re.compile(r"Page: (http://\S+)/ ")
_SECONDS = 300


class Client:
    """Asks a server.

    Args:
        address: Its address.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: Any) -> requests.Response:
        """A GET call."""
        return requests.get(f"{self.address}{path}", params=parameters, timeout=_SECONDS)

    def predict(self, body: Any, path: str = "/v1/models/retrieval:predict") -> requests.Response:
        """A predict call; text and bytes are sent as they are."""
        given: dict[str, Any] = {"data": body} if isinstance(body, str | bytes) else {"json": body}
        return requests.post(f"{self.address}{path}", timeout=_SECONDS, **given)

    def version(self) -> int:
        """The version that is served."""
        served: int = self.get("/healthz").json()["version"]
        return served


@contextlib.contextmanager
def running(paths: OutputPaths) -> Iterator[Client]:
    """A server of the pushed model, which has to end well when it is interrupted."""
    process = start(
        [sys.executable, str(RUNNER), "serve", "--output", str(paths.output), "--port", "0"]
    )
    try:
        yield Client(_address(process))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=_SECONDS)
        assert (process.returncode, err) == (0, "")
        assert out.endswith("Stopped.\n")
    finally:
        process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    timer = threading.Timer(_SECONDS, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            found = _ADDRESS.search(line)
            if found:
                return found.group(1)
    finally:
        timer.cancel()
    raise AssertionError(f"the server did not start: {process.communicate()[1]}")
