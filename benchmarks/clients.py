"""Asks a server from a process of its own, as several clients who each wait for their answer.

It reads its task, one line of JSON, from standard input, asks until that is closed, and writes what
it got as JSON: `Clients` does so.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

import aiohttp

from benchmarks.commands import ROOT

_SECONDS_TO_ANSWER = 60
_VERSION_HEADER = "Model-Version"


@dataclasses.dataclass(frozen=True)
class Call:
    """A request that is sent again and again.

    Attributes:
        url: Where it goes.
        body: Its JSON.
    """

    url: str
    body: str


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        call: Position of the call.
        status: Status code; 0 where the connection failed.
        version: Version of the model, as the answer's header has it.
        text: Body of the answer, or what failed.
    """

    call: int
    status: int
    version: str
    text: str


@dataclasses.dataclass(frozen=True)
class Answers:
    """What all clients got.

    Attributes:
        counts: How often each different answer came.
        seconds: How long each answer took, from sending to its last byte.
        wall: Seconds from the first request to the last answer.
    """

    counts: dict[Answer, int]
    seconds: list[float]
    wall: float


class Clients:
    """Clients who ask from the beginning of a with statement until `stop`.

    Args:
        calls: What they ask in turn, each beginning with another one.
        clients: How many they are.
    """

    def __init__(self, calls: Sequence[Call], clients: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clients"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        task = {"calls": [dataclasses.astuple(call) for call in calls], "clients": clients}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Clients:
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def stop(self) -> Answers:
        """Lets the requests that have begun end.

        Raises:
            RuntimeError: The clients ended before.
        """
        out, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"the clients ended with code {self._process.returncode}")
        found = json.loads(out)
        counts = {Answer(*answer): count for answer, count in found["counts"]}
        return Answers(counts, found["seconds"], found["wall"])


async def _ask(calls: Sequence[Call], clients: int) -> Answers:
    loop = asyncio.get_running_loop()
    # Whoever started this process closes its standard input to end it.
    ended = loop.run_in_executor(None, sys.stdin.read)
    counts: collections.Counter[Answer] = collections.Counter()
    seconds: list[float] = []

    async def keep_asking(session: aiohttp.ClientSession, place: int) -> None:
        while not ended.done():
            call = place % len(calls)
            began = time.perf_counter()
            answer = await _answer(session, call, calls[call])
            seconds.append(time.perf_counter() - began)
            counts[answer] += 1
            place += 1

    began = time.perf_counter()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=clients),
        timeout=aiohttp.ClientTimeout(total=_SECONDS_TO_ANSWER),
        headers={"Content-Type": "application/json"},
    ) as session:
        print("started", flush=True)
        await asyncio.gather(*(keep_asking(session, place) for place in range(clients)))
    return Answers(dict(counts), seconds, time.perf_counter() - began)


async def _answer(session: aiohttp.ClientSession, place: int, call: Call) -> Answer:
    try:
        async with session.post(call.url, data=call.body) as response:
            version = response.headers.get(_VERSION_HEADER, "")
            return Answer(place, response.status, version, await response.text())
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return Answer(place, 0, "", f"{type(error).__name__}: {error}")


def main() -> None:
    """What the process of the clients does."""
    task = json.loads(sys.stdin.readline())
    answers = asyncio.run(_ask([Call(*call) for call in task["calls"]], task["clients"]))
    counts = [[answer, count] for answer, count in answers.counts.items()]
    print(json.dumps({"counts": counts, "seconds": answers.seconds, "wall": answers.wall}))


if __name__ == "__main__":
    main()
