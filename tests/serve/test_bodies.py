"""Bodies that are slow, endless, or longer than they say: refused in time, while others are answered."""

import asyncio
import itertools
import json

import pytest

from lowerbound.serve.app import App
from lowerbound.serve.limits import Limits

HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]


async def answered(application, receive, headers=HEADERS, path="/encode"):
    """The status and the document of an answer to what `receive` gives."""
    sent = []

    async def send(message):
        sent.append(message)

    method = "GET" if path == "/live" else "POST"
    scope = {"type": "http", "path": path, "method": method, "headers": headers, "query_string": b""}
    await application(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


def opened(service, **limits):
    application = App(Limits(**limits))
    application.open(service)
    return application


async def never():
    await asyncio.sleep(3600)


def chunks(size, pause=0.0):
    """A body without an end."""
    numbers = itertools.count()

    async def receive():
        await asyncio.sleep(pause)
        next(numbers)
        return {"type": "http.request", "body": b" " * size, "more_body": True}

    return receive


@pytest.mark.parametrize("receive", [never, chunks(1, 0.05)], ids=["nothing", "a byte at a time"])
def test_a_slow_body_is_refused_when_its_time_is_over(digits, receive):
    async def run():
        application = opened(digits, seconds=0.3)
        loop = asyncio.get_running_loop()
        start = loop.time()
        slow = asyncio.create_task(answered(application, receive))
        await asyncio.sleep(0.05)
        status, _, _ = await answered(application, never, path="/live")
        assert status == 200
        status, headers, document = await slow
        assert loop.time() - start < 2
        assert (status, document["error"]["code"]) == (408, "slow_body")
        assert headers[b"connection"] == b"close"

    asyncio.run(run())


def test_an_endless_body_is_refused_at_its_limit(digits):
    async def run():
        application = opened(digits, body=10_000)
        status, headers, document = await answered(application, chunks(1_000))
        assert (status, document["error"]["code"]) == (413, "too_large")
        assert headers[b"connection"] == b"close"

    asyncio.run(run())


def test_a_long_body_is_refused_before_any_of_it_is_read(digits):
    async def run():
        application = opened(digits)
        headers = [*HEADERS, (b"content-length", b"16000001")]
        status, _, document = await answered(application, never, headers)
        assert (status, document["error"]["code"]) == (413, "too_large")

    asyncio.run(run())


def test_a_client_that_goes_is_not_answered(digits):
    async def gone():
        return {"type": "http.disconnect"}

    async def run():
        application = opened(digits)
        with pytest.raises(IndexError):  # nothing was sent
            await answered(application, gone)

    asyncio.run(run())


def test_large_bodies_are_parsed_beside_the_loop(digits):
    """Of as many bytes as a body may have, no more than a few of which are numbers."""
    body = b'{"rows": [[0' + b" " * 15_000_000 + b"]]}"

    async def once():
        return {"type": "http.request", "body": body, "more_body": False}

    async def run():
        application = opened(digits)
        status, _, document = await answered(application, once)
        assert (status, document["error"]["code"]) == (422, "wrong_width")

    asyncio.run(run())
