"""The routes of the verbs, and of the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import orjson

from lowerbound.data.tables import Columns
from lowerbound.serve.access import header_of
from lowerbound.serve.app import Handler, Scope
from lowerbound.serve.asked import asked_of, fields_of_query, size_of
from lowerbound.serve.bodies import Bodies, Receive, parsed
from lowerbound.serve.card import card
from lowerbound.serve.desk import Desk
from lowerbound.serve.errors import Refused
from lowerbound.serve.media import array_of, document_of, media_asked, media_of, table_of
from lowerbound.serve.media_types import JSON, NPY
from lowerbound.serve.verb import Verb
from lowerbound.serve.verbs import VERBS

__all__ = ["routes"]


def routes(desk: Desk, bodies: Bodies) -> Mapping[str, Mapping[str, Handler]]:
    """What answers, by path and method: each verb of the table, and the card."""
    found = {f"/{name}": {"POST": _asking(verb, desk, bodies)} for name, verb in VERBS.items()}
    document = orjson.dumps(card(desk.service), option=orjson.OPT_SERIALIZE_NUMPY)

    async def model(scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        return document, JSON, 0

    return {**found, "/model": {"GET": model}}


def _asking(verb: Verb, desk: Desk, bodies: Bodies) -> Handler:
    """The route of a verb."""
    limits = desk.limits

    async def handle(scope: Scope, receive: Receive, start: float) -> tuple[bytes, str, int]:
        headers, query, deadline = scope["headers"], scope["query_string"], start + limits.seconds
        answered = media_asked(header_of(headers, b"accept"))
        kind = media_of(header_of(headers, b"content-type"))
        body = await bodies.body(headers, receive, deadline)
        document = await parsed(partial(_document, verb, kind, query), body)
        asked = asked_of(verb, document, limits)
        size = size_of(verb, asked)
        return await desk.hand_in(verb, asked, size, answered, deadline), answered, size

    return handle


def _document(verb: Verb, kind: str, query: bytes, body: bytes) -> Any:
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
    for name, column in zip(table.names or (), table.arrays, strict=True):
        if column.dtype.kind not in "biuf":
            raise Refused(
                "wrong_type", f"expected numbers, found none in column {name!r}", "codes", "numbers"
            )
    return np.stack([*table.arrays], axis=1)
