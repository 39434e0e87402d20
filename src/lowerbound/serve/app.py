"""The application: requests to routes, and every answer in one shape."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from lowerbound.serve.access import HEADERS, Access
from lowerbound.serve.bodies import Bodies, Gone, Receive
from lowerbound.serve.errors import Refused
from lowerbound.serve.limits import Limits
from lowerbound.serve.media_types import JSON
from lowerbound.serve.metrics import Metrics

if TYPE_CHECKING:
    from lowerbound.serve.desk import Desk
    from lowerbound.serve.service import Service

__all__ = ["OTHER", "App", "Handler", "Scope", "app"]

Scope = Mapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Handler = Callable[[Scope, Receive, float], Awaitable[tuple[bytes, str, int]]]

log = logging.getLogger("lowerbound.serve")

# What is counted of requests for no route.
OTHER = "other"
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
        self.bodies = Bodies(self.limits.body)
        self.handlers: dict[str, Mapping[str, Handler]] = {
            "/live": {"GET": self._live},
            "/ready": {"GET": self._ready},
            "/metrics": {"GET": self._metrics},
        }

    def open(self, service: Service) -> None:
        """Answer for a service whose programs are compiled, from now on; called in the event loop."""
        # JAX is imported with it: until then the process lives without.
        from lowerbound.serve.desk import Desk
        from lowerbound.serve.mounted import mounted
        from lowerbound.serve.routes import routes

        desk = Desk(service, self.limits)
        self.mounted = mounted(desk, self.bodies)
        self.handlers |= routes(desk, self.bodies)
        self.desk = desk

    def close(self) -> None:
        """Let the threads end."""
        if self.desk is not None:
            self.desk.close()

    def count(self, route: str, status: int, seconds: float, rows: int = 0) -> None:
        """One request that was answered, in the metrics and the access log."""
        self.metrics.count(route, status, seconds, rows)
        if self._told is not None:
            told = {"time": time.time(), "route": route, "status": status, "rows": rows}
            self._told(told | {"seconds": round(seconds, 6)})

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        start, path, method = clock(), scope["path"], scope["method"]
        route = path if path in self.handlers else OTHER  # that what is counted has an end
        rows, extra = 0, []
        try:
            public = path in _PUBLIC or path.startswith(_STATIC)
            self.access.check(scope["headers"], public=public)
            if self.stopping and path != "/live":
                raise Refused("stopping")
            methods = self.handlers.get(path)
            if methods is None:
                place, child, methods = self._place(scope)
                if place is not None:
                    route = getattr(place, "path", OTHER)
                    status = await self._handled(place, {**scope, **child}, receive, send)
                    self.count(route, status, clock() - start)
                    return
            handler = methods.get("GET" if method == "HEAD" else method)
            if handler is None:
                extra = [(b"allow", ", ".join(methods).encode())]
                raise Refused("method_not_allowed", "", None, ", ".join(methods), method)
            body, media, rows = await handler(scope, receive, start)
            status = 200
        except Refused as refused:
            status, body, media = refused.status, refused.body(flat=_is_protocol(path)), JSON
            extra += refused.headers
            if status in (408, 413):  # the rest of the body is not waited for
                extra.append((b"connection", b"close"))
        except Gone:
            return
        except Exception:
            log.exception("%s %s failed", method, route)
            internal = Refused("internal")
            status, body, media = 500, internal.body(flat=_is_protocol(path)), JSON
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
        self.count(route, status, clock() - start, rows)

    async def _live(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        return b'{"status":"live"}', JSON, 0

    async def _ready(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        if self.desk is None:
            raise Refused("starting")
        return b'{"status":"ready"}', JSON, 0

    async def _metrics(self, scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        return self.metrics.text(), "text/plain; version=0.0.4; charset=utf-8", 0

    def _place(self, scope: Any) -> tuple[BaseRoute | None, Mapping[str, Any], Mapping[str, Handler]]:
        """The route of the page or of another protocol that a request is for, with what it finds in the path;
        where there is none for its method, the methods that there are.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where there is none.
        """
        if self.desk is None:
            raise Refused("starting")
        partial: dict[str, Any] = {}
        for route in self.mounted:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return route, child, {}
            if match is Match.PARTIAL:
                partial |= dict.fromkeys(sorted(getattr(route, "methods", None) or ()))
        if not partial:
            raise Refused("not_found")
        return None, {}, partial

    async def _handled(self, place: BaseRoute, scope: Any, receive: Receive, send: Send) -> int:
        """Let a route answer; the status."""
        sent = _Sent(send, self.stopping)
        try:
            await place.handle(scope, receive, sent)
        except HTTPException as error:
            raise _as_refused(error) from None
        return sent.status


def app(service: Service, limits: Limits | None = None, access: Access | None = None) -> App:
    """The application of a service whose programs are compiled, or compiled at the first request; made where
    an event loop runs."""
    made = App(limits, access)
    made.open(service)
    return made


def _is_protocol(path: str) -> bool:
    """Whether it is a path of the Open Inference Protocol."""
    return path == "/v2" or path.startswith("/v2/")


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
