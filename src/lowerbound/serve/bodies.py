"""The body of a request: within its bytes, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lowerbound.serve.access import Headers, header_of
from lowerbound.serve.errors import Refused

__all__ = ["Bodies", "Gone", "Receive", "parsed"]

Receive = Callable[[], Awaitable[Any]]

Parsed = TypeVar("Parsed")

# Seconds between two looks at who is late.
_LOOK = 0.25
# A body of more bytes is parsed in a thread, so that others need not wait for it.
_LARGE = 2**16
_PARSING = ThreadPoolExecutor(1, "parsing")


async def parsed(parse: Callable[[bytes], Parsed], body: bytes) -> Parsed:
    """What a body holds: a large one is looked at in a thread."""
    if len(body) <= _LARGE:
        return parse(body)
    return await asyncio.get_running_loop().run_in_executor(_PARSING, parse, body)


class Gone(Exception):  # noqa: N818  # nothing is wrong
    """The client closed the connection: no one waits for an answer."""


class Bodies:
    """The bodies that are on their way, of `most` bytes each. One timer looks at all of them, since one for
    each request would cost as much as the rest of reading it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._due: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._looking = False

    async def body(self, headers: Headers, receive: Receive, deadline: float) -> bytes:
        """The body that has arrived by a deadline on the loop's clock.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused], for a length that is told before any of it
        is read; `Gone`.
        """
        length = header_of(headers, b"content-length")
        if length.isdigit() and int(length) > self._most:
            raise self._too_large(length.decode())
        task = asyncio.current_task()
        assert task is not None
        self._due[task] = deadline
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOK, self._look)
        try:
            message = await receive()
            body = self._part(message)
            if not message.get("more_body", False):
                return body
            return await self._rest(body, receive)
        except asyncio.CancelledError:
            if task in self._late and not task.uncancel():
                raise Refused("slow_body") from None
            raise
        finally:
            self._due.pop(task, None)
            self._late.discard(task)

    async def _rest(self, first: bytes, receive: Receive) -> bytes:
        parts, size, more = [first], len(first), True
        while more:
            message = await receive()
            parts.append(self._part(message))
            size += len(parts[-1])
            if size > self._most:
                raise self._too_large(f"{size} or more")
            more = message.get("more_body", False)
        return b"".join(parts)

    def _part(self, message: Any) -> bytes:
        if message["type"] == "http.disconnect":
            raise Gone
        body: bytes = message.get("body", b"")
        if len(body) > self._most:
            raise self._too_large(f"{len(body)} or more")
        return body

    def _look(self) -> None:
        """Cancel what is late."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for task in [task for task, deadline in self._due.items() if now > deadline]:
            del self._due[task]
            self._late.add(task)
            task.cancel()
        self._looking = bool(self._due)
        if self._looking:
            loop.call_later(_LOOK, self._look)

    def _too_large(self, found: str) -> Refused:
        message = f"expected at most {self._most} bytes, found {found}"
        return Refused("too_large", message, None, f"at most {self._most}", found)
