"""Pushes a new version while clients ask: no request may fail, no answer may mix two versions.

Command: python -m benchmarks.load --model output/serving/retrieval/VERSION

It serves the version with `runner.py serve` from a folder of its own, has 32 clients in another
process ask `recommend` for a minute, and half-way pushes, as the Pusher does, a model with other
weights. What each version has to answer is asked of plain TensorFlow, in this process, before.
Server and clients share the cores. Exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests
import tensorflow as tf

from benchmarks import report
from benchmarks.clients import Answers, Call, Clients
from benchmarks.commands import ROOT
from components.pusher.version_folder import push
from components.serving.asking import ask
from components.serving.interface import COUNT, MODEL_NAME, RECOMMEND_SIGNATURE, REQUEST_TIME, K
from components.serving.manifest import Manifest
from pipeline.paths import OutputPaths

_ADDRESS = re.compile(r"Predict: (http://\S+?)/v1/")
_SECONDS_TO_LOAD = 300
_USERS = 16
# The answers may not depend on when they are asked for.
_TIME = 893_286_638

# What a version has to answer to each call: ids of candidates, best first.
Lists = list[list[str]]


@contextlib.contextmanager
def development_server(output: Path) -> Iterator[str]:
    """The address of `runner.py serve`, which serves what was pushed to an output folder.

    Raises:
        RuntimeError: It did not start.
    """
    command = [sys.executable, "runner.py", "serve", "--output", str(output), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = next(filter(None, map(_ADDRESS.search, process.stdout)), None)
        if found is None:
            raise RuntimeError("the server did not start")
        try:
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def questions(query_id: str, k: int) -> list[dict[str, Any]]:
    """Inputs of `recommend` for some users, as nested lists."""
    users = range(1, _USERS + 1)
    return [{query_id: [str(user)], K: [k], REQUEST_TIME: [_TIME]} for user in users]


def calls(address: str, asked: Sequence[Mapping[str, Any]]) -> list[Call]:
    """Predict calls of TensorFlow Serving's REST."""
    url = f"{address}/v1/models/{MODEL_NAME}:predict"
    return [
        Call(url, json.dumps({"signature_name": RECOMMEND_SIGNATURE, "inputs": inputs}))
        for inputs in asked
    ]


def lists(model: Path, candidate_id: str, asked: Sequence[Mapping[str, Any]]) -> Lists:
    """What plain TensorFlow answers."""
    signature = tf.saved_model.load(str(model)).signatures[RECOMMEND_SIGNATURE]
    answers = [ask(signature, inputs)[candidate_id][0] for inputs in asked]
    return [[candidate.decode() for candidate in row.tolist()] for row in answers]


def with_other_weights(model: Path, folder: Path) -> None:
    """Copies a SavedModel and scales each of its weights by a factor between 1/2 and 3/2."""
    shutil.copytree(model, folder)
    prefix = str(folder / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    names = sorted(reader.get_variable_to_shape_map())
    values = [reader.get_tensor(name) for name in names]
    random = np.random.default_rng(7)
    scaled = [
        value * random.uniform(0.5, 1.5, value.shape).astype(value.dtype)
        if getattr(value, "dtype", None) == np.float32
        else value
        for value in values
    ]
    tf.raw_ops.SaveV2(
        prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=scaled
    )


def push_under_load(
    asked: Sequence[Call], serving: Path, other: Path, clients: int, seconds: float
) -> tuple[int, Answers]:
    """Pushes a model while clients ask, and waits until it has answered for a while too.

    Args:
        asked: The calls.
        serving: Folder of the versions that the server follows.
        other: The model to push.
        clients: How many ask.
        seconds: How long they ask, half of it before the push; longer where the new version takes
            longer to load.

    Returns:
        The new version, and what was answered.
    """
    began = time.monotonic()
    with Clients(asked, clients) as asking:
        time.sleep(seconds / 2)
        version = push(str(other), str(serving))
        until = time.monotonic() + _SECONDS_TO_LOAD
        while _served(asked[0]) != version and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(max(began + seconds - time.monotonic(), seconds / 10))
        return version, asking.stop()


def _served(call: Call) -> int:
    response = requests.post(call.url, data=call.body, timeout=_SECONDS_TO_LOAD)
    return int(response.headers["Model-Version"])


def faults(answers: Answers, candidate_id: str, expected: Mapping[int, Lists]) -> list[str]:
    """What is wrong with the answers, in sentences.

    Args:
        answers: What was answered.
        candidate_id: Output with the ids of the candidates.
        expected: What each version has to answer.
    """
    found = []
    by_version: Counter[int] = Counter()
    for answer, count in answers.counts.items():
        if answer.status != 200:
            found.append(f"{count} requests failed with {answer.status}: {answer.text}")
            continue
        version = int(answer.version)
        by_version[version] += count
        outputs = json.loads(answer.text)["outputs"]
        listed = outputs[candidate_id][0][: outputs[COUNT][0]]
        if listed != expected[version][answer.call]:
            found.append(f"{count} answers of version {version} are not that version's: {listed}")
    found += [
        f"version {version} did not answer" for version in expected if not by_version[version]
    ]
    first, second = expected.values()
    found += [
        f"both versions answer call {place} alike, so that they cannot be told apart"
        for place, (one, other) in enumerate(zip(first, second, strict=True))
        if one == other
    ]
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Push a version while clients ask.")
    parser.add_argument("--model", type=Path, required=True, help="folder of a pushed version")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    machine = report.machine()
    manifest = Manifest.read(str(options.model))
    asked = questions(manifest.query_id, 20)
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        paths = OutputPaths.of(Path(folder) / "output")
        other = Path(folder) / "other"
        with_other_weights(options.model, other)
        first = push(str(options.model), str(paths.serving))
        expected = {first: lists(options.model, manifest.candidate_id, asked)}
        with development_server(paths.output) as address:
            second, answers = push_under_load(
                calls(address, asked), paths.serving, other, options.clients, options.seconds
            )
        expected[second] = lists(other, manifest.candidate_id, asked)
    wrong = faults(answers, manifest.candidate_id, expected)
    print(machine)
    print(summary(answers))
    print(*wrong or ["no failed request, and no answer of two versions"], sep="\n")
    return int(bool(wrong))


def summary(answers: Answers) -> str:
    """Requests by version, rate and latency, as a Markdown table."""
    by_version: Counter[str] = Counter()
    for answer, count in answers.counts.items():
        by_version[answer.version] += count
    middle, high = np.percentile(answers.seconds, [50, 99]) * 1000
    header = ["seconds", "requests", "by each version", "requests/s", "p50, ms", "p99, ms"]
    row = [f"{answers.wall:.1f}", f"{len(answers.seconds):,}"]
    row += [", ".join(f"{count:,}" for _, count in sorted(by_version.items()))]
    row += [f"{len(answers.seconds) / answers.wall:.0f}", f"{middle:.1f}", f"{high:.1f}"]
    return report.table(header, [row])


if __name__ == "__main__":
    sys.exit(main())
