"""The body of a request: within its bytes, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from lowerbound.serve.access import Headers, header_of
from lowerbound.serve.errors import Refused

__all__ = ["Gone", "body_of"]

Receive = Callable[[], Awaitable[Any]]


class Gone(Exception):  # noqa: N818  # nothing is wrong
    """The client closed the connection: no one waits for an answer."""


async def body_of(headers: Headers, receive: Receive, most: int, deadline: float) -> bytes:
    """The body, of `most` bytes, that has arrived by a deadline on the loop's clock.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused], for a length that is told before any of it is
    read; `Gone`.
    """
    length = header_of(headers, b"content-length")
    if length.isdigit() and int(length) > most:
        raise _too_large(most, length.decode())
    try:
        async with asyncio.timeout_at(deadline):
            message = await receive()
            if not message.get("more_body", False):
                return _part(message, most)
            parts = [_part(message, most)]
            size = len(parts[0])
            while message.get("more_body", False):
                message = await receive()
                parts.append(_part(message, most))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most, f"{size} or more")
            return b"".join(parts)
    except TimeoutError:
        raise Refused("slow_body") from None


def _part(message: Any, most: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise Gone
    body: bytes = message.get("body", b"")
    if len(body) > most:
        raise _too_large(most, f"{len(body)} or more")
    return body


def _too_large(most: int, found: str) -> Refused:
    return Refused(
        "too_large", f"expected at most {most} bytes, found {found}", None, f"at most {most}", found
    )
