"""A local server that speaks as much of a REST API as the client of it calls."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# Query and body of a request, to the status and body of its answer; groups of the path in between.
Answer = tuple[int, dict[str, Any]]
Route = Callable[..., Answer]


class StandIn:
    """The server; what it was asked is kept in `requests`.

    Args:
        routes: What answers, by method and pattern of the whole path.
    """

    def __init__(self, routes: dict[tuple[str, str], Route]) -> None:
        self._routes = routes
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                url = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                stand_in.requests.append((self.command, url.path, dict(self.headers)))
                status, answer = stand_in.answer(self.command, url.path, parse_qs(url.query), body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> Answer:
        """What a request is answered with."""
        for (wanted, pattern), route in self._routes.items():
            match = re.fullmatch(pattern, path)
            if method == wanted and match:
                return route(query, body, *match.groups())
        return 404, {"message": f"the API has no {method} {path}"}

    @contextmanager
    def running(self) -> Iterator[StandIn]:
        """Serves in a thread."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
