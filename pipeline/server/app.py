"""The server's addresses: what they take, what they answer, and how errors are told."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web
from google.protobuf import json_format

from components.serving.interface import MODEL_NAME
from pipeline.server.model import RequestError, ServedModel
from pipeline.server.page_api import catalogue_of, recommendations
from pipeline.server.predict_api import predict
from pipeline.server.reloading import NewestModel

MOST_BODY_BYTES = 1 << 20
VERSION_HEADER = "Model-Version"
# Of calls that are answered at the same time; others wait.
_THREADS = 4
_PAGE = Path(__file__).with_name("page.html")
_MODEL_PATH = f"/v1/models/{MODEL_NAME}"
_VERSION_PATH = f"{_MODEL_PATH}/versions/{{version:[0-9]+}}"

# As TensorFlow Serving prints; the argument was renamed in protobuf 5.
_WITH_DEFAULTS = {
    name: True
    for name in ("always_print_fields_with_no_presence", "including_default_value_fields")
    if name in inspect.signature(json_format.MessageToDict).parameters
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """The handlers.

    Args:
        newest: The version that answers.
    """

    def __init__(self, newest: NewestModel) -> None:
        self._newest = newest
        self._threads = ThreadPoolExecutor(_THREADS, "predict")

    def application(self) -> web.Application:
        """The application, which also follows newer versions while it runs."""
        application = web.Application(
            client_max_size=MOST_BODY_BYTES, middlewares=[_errors_as_json]
        )
        application.add_routes(
            [
                web.get("/", self.page),
                web.get("/healthz", self.health),
                web.get("/api/recommendations", self.recommendations),
                web.get("/api/movies", self.movies),
                web.get(_MODEL_PATH, self.status),
                web.get(f"{_MODEL_PATH}/metadata", self.metadata),
                web.post(f"{_MODEL_PATH}:predict", self.predict),
                web.get(_VERSION_PATH, self.status),
                web.get(f"{_VERSION_PATH}/metadata", self.metadata),
                web.post(f"{_VERSION_PATH}:predict", self.predict),
            ]
        )
        application.cleanup_ctx.append(self._follow)
        return application

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page for people."""
        return web.FileResponse(_PAGE)

    async def health(self, request: web.Request) -> web.StreamResponse:
        """Whether there is a model, which one, and what is wrong with a newer one, if anything."""
        model, problem = self._newest.model, self._newest.problem
        status = "degraded" if problem else "ok"
        return _answer(model, {"status": status, "version": model.version, "problem": problem})

    async def status(self, request: web.Request) -> web.StreamResponse:
        """TensorFlow Serving's model status."""
        model = self._asked_for(request)
        version = {
            "version": str(model.version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return _answer(model, {"model_version_status": [version]})

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        """TensorFlow Serving's model metadata: the signatures."""
        model = self._asked_for(request)
        signatures = {
            name: json_format.MessageToDict(
                definition, preserving_proto_field_name=True, **_WITH_DEFAULTS
            )
            for name, definition in model.definitions.items()
        }
        return _answer(
            model,
            {
                "model_spec": {
                    "name": MODEL_NAME,
                    "signature_name": "",
                    "version": str(model.version),
                },
                "metadata": {"signature_def": {"signature_def": signatures}},
            },
        )

    async def predict(self, request: web.Request) -> web.StreamResponse:
        """TensorFlow Serving's predict call."""
        model = self._asked_for(request)
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}.") from error
        return _answer(model, await self._in_thread(predict, model, body))

    async def recommendations(self, request: web.Request) -> web.StreamResponse:
        """What the page shows."""
        model, query = self._newest.model, request.query
        try:
            k = int(query.get("k", "10"))
        except ValueError as error:
            raise RequestError("k has to be a number.") from error
        movies = query.getall("movie", [])
        found = await self._in_thread(recommendations, model, query.get("user"), movies, k)
        return _answer(model, found)

    async def movies(self, request: web.Request) -> web.StreamResponse:
        """Movies that have a text in their title."""
        model = self._newest.model
        catalogue = await self._in_thread(catalogue_of, model)
        return _answer(model, {"movies": catalogue.matches(request.query.get("q", ""))})

    def _asked_for(self, request: web.Request) -> ServedModel:
        """The model that is served, which has to be of the version in the address, if any."""
        model = self._newest.model
        version = request.match_info.get("version", str(model.version))
        if version != str(model.version):
            raise web.HTTPNotFound(
                reason=f"version {version} is not served: version {model.version} is"
            )
        return model

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)

    async def _follow(self, application: web.Application) -> AsyncIterator[None]:
        # Threads of its own: while a version loads, requests are answered.
        with ThreadPoolExecutor(1, "load") as threads:
            task = asyncio.create_task(self._newest.follow(threads))
            yield
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._threads.shutdown()


def _answer(model: ServedModel, values: Any) -> web.Response:
    return web.json_response(values, headers={VERSION_HEADER: str(model.version)})


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RequestError as error:
        return web.json_response({"error": str(error)}, status=400)
    except web.HTTPRequestEntityTooLarge:
        sentence = f"the body is longer than {MOST_BODY_BYTES} bytes."
        return web.json_response({"error": sentence}, status=413)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        sentence = f"{request.method} {request.path}: {error.reason}."
        return web.json_response({"error": sentence}, status=error.status)
