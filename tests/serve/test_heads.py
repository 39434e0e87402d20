"""A head that does not arrive in time is refused; one that does is answered, however late its body is."""

import asyncio
import contextlib
import json

import pytest
import uvicorn
from uvicorn.server import ServerState

from lowerbound.serve.app import OTHER
from lowerbound.serve.heads import TimedHeads
from lowerbound.serve.limits import Limits

SECONDS = 0.3


class Answering:
    """An application that reads a body and answers it."""

    limits = Limits(seconds=SECONDS)

    def __init__(self):
        self.counted = []

    def count(self, route, status, seconds):
        self.counted.append((route, status, seconds))

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))],
            }
        )
        await send({"type": "http.response.body", "body": body})


def asked(*pieces, application=None):
    """What a server answers where these pieces come, each so many seconds after the one before it; and
    whether it closed the connection within a second."""

    async def talk():
        config = uvicorn.Config(application or Answering(), lifespan="off", ws="none", proxy_headers=False)
        make = lambda: TimedHeads(config, ServerState(), {}, asyncio.get_running_loop())  # noqa: E731
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for wait, piece in pieces:
            await asyncio.sleep(wait)
            writer.write(piece)
        said, closed = b"", False
        with contextlib.suppress(TimeoutError):
            while not closed:
                some = await asyncio.wait_for(reader.read(65_536), 1.0)
                said, closed = said + some, not some
        writer.close()
        server.close()
        return said, closed

    return asyncio.run(talk())


HEAD = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [(0, b"POST / HTT")],
        [(0, b"POST / HTTP/1.1\r\nhost: here\r\n"), (SECONDS / 2, b"x: y\r\n")],
    ],
    ids=["nothing", "a line's beginning", "header by header"],
)
def test_a_head_that_is_not_there_in_time_is_refused_and_the_connection_closed(pieces):
    application = Answering()
    said, closed = asked(*pieces, application=application)
    assert closed
    assert application.counted == [(OTHER, 408, SECONDS)]
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.split(b"\r\n\r\n")[1])["error"]["code"] == "slow_head"


def test_the_next_requests_head_has_its_own_time():
    said, closed = asked((0, HEAD + b"ab"), (2 * SECONDS, b"POST / "))
    answer, refusal = said.split(b"HTTP/1.1 ")[1:]
    assert closed
    assert answer.startswith(b"200")
    assert refusal.startswith(b"408")


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, HEAD + b"ab")],
        [(SECONDS / 3, HEAD[:20]), (SECONDS / 3, HEAD[20:] + b"ab")],
        [(0, HEAD + b"a"), (2 * SECONDS, b"b")],  # a slow body is the application's matter
    ],
    ids=["at once", "in pieces", "a slow body"],
)
def test_a_head_in_time_is_answered_and_its_connection_kept(pieces):
    said, closed = asked(*pieces)
    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(b"ab")
    assert not closed
