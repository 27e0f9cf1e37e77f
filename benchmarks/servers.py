"""Compares the development server with one that is not ours, on one model, alternating in one run.

Command: python -m benchmarks.servers --model output/serving/retrieval/VERSION

`runner.py serve` and Triton (`foreign_server.py`, with the model in a process of Python too) serve
the model at the same time and are asked in turns for `recommend`, 100 candidates for one of 16
users, by 1, 8 and 32 clients in another process. Both have to give the same lists. Servers and
clients share the cores: the ratios say more than the rates.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import foreign_server, load, report
from benchmarks.clients import Answers, Call, Clients
from components.pusher.version_folder import push
from components.serving.interface import RECOMMEND_SIGNATURE
from components.serving.manifest import Manifest
from pipeline.paths import OutputPaths

CLIENTS = (1, 8, 32)
_K = 100
_WARM_UP_SECONDS = 2.0

# Takes the JSON of an answer, gives the listed ids.
Listed = Callable[[Any], list[str]]


def measure(asked: Sequence[Call], clients: int, seconds: float) -> Answers:
    """What clients get in some seconds.

    Raises:
        RuntimeError: A request failed.
    """
    with Clients(asked, clients) as asking:
        time.sleep(seconds)
        answers = asking.stop()
    failed = [answer for answer in answers.counts if answer.status != 200]
    if failed:
        raise RuntimeError(f"a request failed: {failed[0].text}")
    return answers


def lists(answers: Answers, listed: Listed) -> dict[int, set[tuple[str, ...]]]:
    """The different lists that were given to each call."""
    found = collections.defaultdict(set)
    for answer in answers.counts:
        found[answer.call].add(tuple(listed(json.loads(answer.text))))
    return found


def rows(measured: dict[tuple[str, int], list[Answers]]) -> list[list[str]]:
    """Latency and rate of each server, and their ratios, for each number of clients."""
    found = []
    for clients in CLIENTS:
        values = {}
        for server in ("development", "Triton"):
            taken = measured[server, clients]
            seconds = np.concatenate([answers.seconds for answers in taken])
            rate = len(seconds) / sum(answers.wall for answers in taken)
            values[server] = (*(np.percentile(seconds, [50, 99]) * 1000), rate)
            middle, high, _ = values[server]
            row = [f"{server}, {clients}", f"{middle:.1f}", f"{high:.1f}", f"{rate:.0f}"]
            found.append(row)
        ratios = np.divide(values["development"], values["Triton"])
        found.append([f"ratio, {clients}", *(f"{ratio:.2f}" for ratio in ratios)])
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the development server with Triton.")
    parser.add_argument("--model", type=Path, required=True, help="folder of a pushed version")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    machine = report.machine()
    manifest = Manifest.read(str(options.model))
    asked = load.questions(manifest.query_id, _K)
    with (
        tempfile.TemporaryDirectory(prefix="servers-") as folder,
        foreign_server.running(options.model, [RECOMMEND_SIGNATURE]) as foreign,
    ):
        output = Path(folder)
        push(str(options.model), str(OutputPaths.of(output).serving))
        url = foreign.url(RECOMMEND_SIGNATURE)
        bodies = [json.dumps(foreign.body(RECOMMEND_SIGNATURE, inputs)) for inputs in asked]
        with load.development_server(output) as address:
            calls = {
                "development": load.calls(address, asked),
                "Triton": [Call(url, body) for body in bodies],
            }
            listed: dict[str, Listed] = {
                "development": lambda body: body["outputs"][manifest.candidate_id][0],
                "Triton": lambda body: [
                    text.decode() for text in foreign_server.arrays(body)[manifest.candidate_id][0]
                ],
            }
            given = [
                lists(measure(calls[server], max(CLIENTS), _WARM_UP_SECONDS), listed[server])
                for server in calls
            ]
            measured: dict[tuple[str, int], list[Answers]] = collections.defaultdict(list)
            for _ in range(options.repetitions):
                for clients in CLIENTS:
                    for server, its_calls in calls.items():
                        answers = measure(its_calls, clients, options.seconds)
                        measured[server, clients].append(answers)
    print(machine)
    header = ["server, clients", "p50, ms", "p99, ms", "requests/s"]
    print(report.table(header, rows(measured)))
    equal = given[0] == given[1] and all(len(found) == 1 for found in given[0].values())
    print("both give the same lists" if equal else f"the lists differ: {given}")
    return int(not equal)


if __name__ == "__main__":
    sys.exit(main())
