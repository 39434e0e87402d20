"""The application: requests to routes, and every answer in one shape."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from lowerbound.data.tables import Columns
from lowerbound.serve.access import HEADERS, Access, header_of
from lowerbound.serve.asked import asked_of, fields_of_query, size_of
from lowerbound.serve.bodies import Bodies, Gone, Receive
from lowerbound.serve.card import card
from lowerbound.serve.desk import Desk
from lowerbound.serve.errors import Refused
from lowerbound.serve.limits import Limits
from lowerbound.serve.media import array_of, document_of, media_asked, media_of, table_of
from lowerbound.serve.metrics import Metrics
from lowerbound.serve.mounted import mounted
from lowerbound.serve.service import Service
from lowerbound.serve.verbs import VERBS, Verb
from lowerbound.serve.wire import JSON, NPY

__all__ = ["App", "app"]

Scope = Mapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Handler = Callable[[Scope, Receive, float], Awaitable[tuple[bytes, str, int]]]

log = logging.getLogger("lowerbound.serve")

# A body of more bytes is parsed in a thread, so that others need not wait for it.
_LARGE = 2**16
# Without a token: what says no more than that there is a server, and the page, which holds no data.
_PUBLIC = frozenset({"/live", "/ready", "/"})
_STATIC = "/static/"


class App:
    """The ASGI application. It answers `/live` from the start, and all else once it was `opened` with a
    service; when it is `stopping`, what was accepted is finished and the rest is refused. `told` is told of
    each request, where an access log is wanted."""

    def __init__(
        self,
        limits: Limits | None = None,
        access: Access | None = None,
        told: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.limits, self.access, self._told = limits or Limits(), access or Access(), told
        self.stopping = False
        self.desk: Desk | None = None
        self.mounted: list[BaseRoute] = []
        self.metrics = Metrics(
            lambda: 0 if self.desk is None else self.desk.waiting, lambda: self.desk is not None
        )
        self.handlers: dict[str, dict[str, Handler]] = {
            "/live": {"GET": self._live},
            "/ready": {"GET": self._ready},
            "/metrics": {"GET": self._metrics},
            "/model": {"GET": self._model},
            **{f"/{name}": {"POST": self._asking(verb)} for name, verb in VERBS.items()},
        }
        self.bodies = Bodies(self.limits.body)
        self._parsing = ThreadPoolExecutor(1, "parsing")

    def open(self, service: Service) -> None:
        """Answer for a service whose programs are compiled, from now on; called in the event loop."""
        desk = Desk(service, self.limits)
        self.mounted = mounted(desk)
        self._card = orjson.dumps(card(service), option=orjson.OPT_SERIALIZE_NUMPY)
        self.desk = desk

    def close(self) -> None:
        """Let the threads end."""
        if self.desk is not None:
            self.desk.close()
        self._parsing.shutdown(wait=False)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        start, path, method = clock(), scope["path"], scope["method"]
        route, rows, extra = path, 0, []
        try:
            public = path in _PUBLIC or path.startswith(_STATIC)
            self.access.check(scope["headers"], public=public)
            if self.stopping and path != "/live":
                raise Refused("stopping")
            methods = self.handlers.get(path)
            if methods is None:
                route = await self._mounted(scope, receive, send, start)
                return
            handler = methods.get("GET" if method == "HEAD" else method)
            if handler is None:
                extra = [(b"allow", ", ".join(methods).encode())]
                raise Refused("method_not_allowed", "", None, ", ".join(methods), method)
            body, media, rows = await handler(scope, receive, start)
            status = 200
        except Refused as refused:
            status, body, media = refused.status, refused.body(), JSON
            extra += refused.headers
            if status == 404:
                route = "other"
            if status in (408, 413):  # the rest of the body is not waited for
                extra.append((b"connection", b"close"))
        except Gone:
            return
        except Exception:
            log.exception("%s %s failed", method, route)
            internal = Refused("internal")
            status, body, media = 500, internal.body(), JSON
        if self.stopping:
            extra.append((b"connection", b"close"))
        headers = [
            (b"content-type", media.encode()),
            (b"content-length", str(len(body)).encode()),
            *HEADERS,
            *extra,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
        self._count(route, status, clock() - start, rows)

    def _count(self, route: str, status: int, seconds: float, rows: int = 0) -> None:
        self.metrics.count(route, status, seconds, rows)
        if self._told is not None:
            told = {"time": time.time(), "route": route, "status": status, "rows": rows}
            self._told(told | {"seconds": round(seconds, 6)})

    def _ask(self) -> Desk:
        if self.desk is None:
            raise Refused("starting")
        return self.desk

    def _asking(self, verb: Verb) -> Handler:
        """The route of a verb."""

        async def handle(scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
            desk, headers = self._ask(), scope["headers"]
            deadline = start + self.limits.seconds
            answered = media_asked(header_of(headers, b"accept"))
            kind = media_of(header_of(headers, b"content-type"))
            body = await self.bodies.body(headers, receive, deadline)
            if len(body) > _LARGE:
                document = await asyncio.get_running_loop().run_in_executor(
                    self._parsing, _document, verb, kind, body, scope["query_string"]
                )
            else:
                document = _document(verb, kind, body, scope["query_string"])
            asked = asked_of(verb, document, self.limits)
            size = size_of(verb, asked)
            return await desk.hand_in(verb, asked, size, answered, deadline), answered, size

        return handle

    async def _live(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        return b'{"status":"live"}', JSON, 0

    async def _ready(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        self._ask()
        return b'{"status":"ready"}', JSON, 0

    async def _metrics(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        return self.metrics.text(), "text/plain; version=0.0.4; charset=utf-8", 0

    async def _model(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        self._ask()
        return self._card, JSON, 0

    async def _mounted(self, scope: Any, receive: Receive, send: Send, start: float) -> str:
        """A route of the page or of another protocol; the name that it is counted by."""
        partial: list[str] = []
        if self.desk is None:
            raise Refused("starting")
        for route in self.mounted:
            match, child = route.matches(scope)
            if match is Match.FULL:
                sent = _Sent(send, self.stopping)
                name = getattr(route, "path", "other")
                try:
                    await route.handle({**scope, **child}, receive, sent)
                except HTTPException as error:
                    raise _as_refused(error) from None
                self._count(name, sent.status, asyncio.get_running_loop().time() - start)
                return name
            if match is Match.PARTIAL:
                partial += sorted(getattr(route, "methods", None) or ())
        if partial:
            allowed = ", ".join(partial)
            raise Refused("method_not_allowed", "", None, allowed, scope["method"])
        raise Refused("not_found")


def app(service: Service, limits: Limits | None = None, access: Access | None = None) -> App:
    """The application of a service whose programs are compiled, or compiled at the first request; made where
    an event loop runs."""
    made = App(limits, access)
    made.open(service)
    return made


def _document(verb: Verb, kind: str, body: bytes, query: bytes) -> Any:
    """The fields of a request in whatever form."""
    if kind == JSON:
        if query:
            raise Refused("unknown_field", "expected no query beside a body of JSON", "query")
        return document_of(body)
    over = verb.over
    if over is None:
        raise Refused("unsupported_type", f"expected {JSON}, found {kind}", "Content-Type", JSON, kind)
    fields = fields_of_query(verb, query)
    if over in fields:
        raise Refused("unknown_field", f"{over} are the body, and stand not in the query", over)
    if kind == NPY:
        array = array_of(body)
        return fields | {over: Columns(array.T, None) if over == "rows" else array}
    table = table_of(body)
    if over == "rows":
        return fields | {over: table}
    return fields | {over: _matrix(table)}


def _matrix(table: Columns) -> Any:
    import numpy as np

    for name, column in zip(table.names or (), table.arrays, strict=True):
        if column.dtype.kind not in "biuf":
            raise Refused(
                "wrong_type", f"expected numbers, found none in column {name!r}", "codes", "numbers"
            )
    return np.stack([*table.arrays], axis=1)


def _as_refused(error: HTTPException) -> Refused:
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(
        error.status_code, "bad_request"
    )
    return Refused(code)


class _Sent:
    """What a mounted route sends, with the headers that every answer has."""

    def __init__(self, send: Send, last: bool) -> None:
        self._send, self._last, self.status = send, last, 500

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name for name, _ in message["headers"]}
            added = [(name, value) for name, value in HEADERS if name not in own]
            if self._last:
                added.append((b"connection", b"close"))
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


async def _other(scope: Any, receive: Receive, send: Send) -> None:
    """What is no request: the life of the server, which needs nothing, and web sockets, of which there are
    none."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "websocket.close", "code": 1008})
