"""Runs the server until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
from datetime import datetime

from aiohttp import web
from rich.console import Console

from components.serving.interface import MODEL_NAME
from pipeline.failure import OutputError
from pipeline.log_capture import captured_logs
from pipeline.paths import OutputPaths


def serve(paths: OutputPaths, host: str, port: int) -> None:
    """Serves the newest pushed version, and newer ones as they come.

    Args:
        paths: Output folder of the runs that push.
        host: Address to listen at.
        port: Port to listen at; 0 for any that is free.

    Raises:
        OutputError: No model was pushed yet, or the port is taken.
    """
    if not paths.versions():
        raise OutputError(
            f"no model was pushed to {paths.serving} yet: run the pipeline first, or name its"
            " folder with --output."
        )
    with captured_logs() as capture:
        capture.move_to(paths.logs / f"serve-{datetime.now():%Y-%m-%dT%H-%M-%S}.log")
        console = Console(file=capture.out, highlight=False, soft_wrap=True)
        from pipeline.server.app import Server
        from pipeline.server.reloading import NewestModel

        console.print(f"Loading the model. Full logs: {capture.file}")
        newest = NewestModel(paths, console.print)
        asyncio.run(_serve(Server(newest).application(), host, port, console))


async def _serve(application: web.Application, host: str, port: int, console: Console) -> None:
    runner = web.AppRunner(application, access_log=logging.getLogger("aiohttp.access"))
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise OutputError(
            f"cannot listen at {host}:{port}: {error.strerror or error}; choose another with --port"
            " or --host."
        ) from error
    [address] = runner.addresses[:1]
    where = f"http://{address[0]}:{address[1]}"
    console.print(f"Page: {where}/   Predict: {where}/v1/models/{MODEL_NAME}:predict")
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    await stopped.wait()
    await runner.cleanup()
    console.print("Stopped.")
