"""The head of a request, which has to arrive in time as its body has."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lowerbound.serve.app import OTHER
from lowerbound.serve.errors import Refused
from lowerbound.serve.media_types import JSON

__all__ = ["TimedHeads"]


class TimedHeads(HttpToolsProtocol):
    """uvicorn's connection, which is refused and closed where the head of its first request has not arrived
    so many seconds after it was made, or that of a later one so many after it began: as many as the
    application's limit of a request. A head that comes in one piece, as heads do, sets no clock."""

    _clock: asyncio.TimerHandle | None = None
    _in_head = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._clock is None:
            self._set()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop()
        super().on_headers_complete()

    def _set(self) -> None:
        self._clock = self.loop.call_later(self.app.limits.seconds, self._late)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        self._clock = None
        if self.transport.is_closing():
            return
        refused = Refused("slow_head")
        body = refused.body()
        head = f"HTTP/1.1 {refused.status} Request Timeout\r\ncontent-type: {JSON}\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
        self.app.count(OTHER, refused.status, self.app.limits.seconds)
