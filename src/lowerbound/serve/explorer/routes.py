"""The routes of the page: its files, and what it is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lowerbound.serve.desk import Desk
from lowerbound.serve.errors import Refused
from lowerbound.serve.explorer.explorer import Explorer
from lowerbound.serve.explorer.files import files

__all__ = ["routes"]

Answering = Callable[[Request], Awaitable[Response]]


def routes(desk: Desk) -> list[BaseRoute]:
    """The page, at `/`, its files, and what it asks of the explorer; verbs it asks as anyone does."""
    explorer = Explorer(desk.service, desk.limits)
    computed: dict[str, Callable[[Request], Any]] = {
        "/explorer/scene": lambda _: explorer.document(),
        "/explorer/points": lambda request: explorer.points(*_plane(request)),
        "/explorer/contours": lambda request: explorer.contours(*_plane(request)),
        "/explorer/colours/{key}": lambda request: explorer.colouring(request.path_params["key"]).to_json(),
        "/explorer/colours/{key}/points": lambda request: explorer.values(request.path_params["key"]),
        "/explorer/molecules": lambda request: explorer.structures(request.query_params.getlist("smiles")),
        "/explorer/rows/{place:int}": lambda request: explorer.row(request.path_params["place"]),
    }
    return [
        Route("/", _file, name="page"),
        Route("/static/{name}", _file, name="file"),
        *(Route(path, _answering(compute)) for path, compute in computed.items()),
    ]


def _answering(compute: Callable[[Request], Any]) -> Answering:
    """An array as its bytes, little-endian, anything else as JSON; computed in a thread."""

    async def answer(request: Request) -> Response:
        found = await asyncio.to_thread(compute, request)
        if isinstance(found, np.ndarray):
            kind = found.dtype.newbyteorder("<")
            content = np.ascontiguousarray(found, kind).tobytes()
            return Response(content, media_type="application/octet-stream")
        return Response(orjson.dumps(found), media_type="application/json")

    return answer


async def _file(request: Request) -> Response:
    """A file of the page, `index.html` at `/`; asked for again only where it is another."""
    found = files().get(request.path_params.get("name", "index.html"))
    if found is None:
        raise Refused("not_found")
    headers = {"ETag": f'"{hashlib.sha256(found.content).hexdigest()[:16]}"', "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _plane(request: Request) -> tuple[str, int, int]:
    """The plane that a query names: `basis`, `across`, `up`."""
    query = request.query_params
    axes = []
    for field, default in (("across", "0"), ("up", "1")):
        text = query.get(field, default)
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            expected = "the number of an axis, from 0"
            raise Refused("wrong_type", f"{field}: expected {expected}", field, expected, text)
        axes.append(int(text))
    return query.get("basis", "latent"), axes[0], axes[1]
