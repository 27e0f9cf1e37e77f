"""Keeps the newest pushed version in memory, by polling its folder as TensorFlow Serving does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from pipeline.failure import OutputError
from pipeline.paths import OutputPaths
from pipeline.server.model import ServedModel

_POLL_SECONDS = 1.0


class NewestModel:
    """The version that requests are answered by.

    A newer version replaces it only when it has answered its own warm-up requests. One that cannot
    be loaded is told in `problem`, and the older one stays.

    Args:
        paths: Output folder of the runs that push.
        tell: Takes a sentence about each version that comes.

    Raises:
        OutputError: The newest version cannot be loaded; there is no older one in memory to stay.
    """

    def __init__(self, paths: OutputPaths, tell: Callable[[str], None]) -> None:
        self._paths, self._tell = paths, tell
        newest = paths.versions()[-1]
        try:
            self.model = self._load(newest)
        except Exception as error:
            raise OutputError(
                f"{_problem(newest, error)}; make another one current with rollback VERSION."
            ) from error
        # The newest version that was found, loaded or not.
        self._tried: int | None = newest
        self.problem: str | None = None

    async def follow(self, threads: Executor) -> None:
        """Looks for newer versions until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            versions = self._paths.versions()
            newest = versions[-1] if versions else None
            if newest == self.model.version:
                self._tried, self.problem = newest, None
            if newest in (None, self._tried):
                continue
            self._tried = newest
            try:
                self.model = await loop.run_in_executor(threads, self._load, newest)
            except Exception as error:
                logging.exception("Version %s cannot be served", newest)
                self.problem = _problem(newest, error)
                self._tell(f"{self.problem}; version {self.model.version} stays.")
            else:
                self.problem = None

    def _load(self, version: int) -> ServedModel:
        model = ServedModel(self._paths.serving / str(version), version)
        played = model.warm_up()
        self._tell(f"Version {version} is served, after {played} warm-up requests.")
        return model


def _problem(version: int, error: Exception) -> str:
    return f"version {version} cannot be served: {' '.join(str(error).split())}"
