"""Runs container commands `python -m MODULE ...` in forks of a process that has loaded TFX once.

Reads one request per line of standard input, `{"id", "command", "log", "folder"}` as JSON, and
writes `{"id", "code"}` when a command has ended. Several may run at a time.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import sys
import traceback


def _child(request: dict) -> None:  # type: ignore[type-arg]
    log = os.open(request["log"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(request["folder"])
    python, flag, module, *arguments = request["command"]
    assert (python, flag) == ("python", "-m"), request["command"]
    sys.argv = [module, *arguments]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the interpreter's own end of a command
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serves until standard input ends."""
    for module in (
        "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils",
        "tfx.components",
        "tensorflow_model_analysis",
        "tensorflow_transform",
        "tfx.components.evaluator.executor",
    ):
        __import__(module)
    running: dict[int, int] = {}
    ended, pending = False, b""
    while not ended or running:
        if not ended and select.select([sys.stdin], [], [], 0.05)[0]:
            # Not by `readline`: what it has read beyond a line is hidden from `select`.
            read = os.read(sys.stdin.fileno(), 1 << 16)
            ended = not read
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                request = json.loads(line)
                process = os.fork()
                if not process:
                    _child(request)
                running[process] = request["id"]
        if running:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process:
                answer = {
                    "id": running.pop(process),
                    "code": os.waitstatus_to_exitcode(status),
                }
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
