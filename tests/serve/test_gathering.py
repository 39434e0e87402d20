"""Requests that wait: gathered, bounded, and refused before work starts."""

import asyncio
import threading
import time

import pytest

from lowerbound.serve import gathering
from lowerbound.serve.desk import Desk
from lowerbound.serve.errors import Refused
from lowerbound.serve.jobs import OPEN
from lowerbound.serve.limits import Limits
from lowerbound.serve.media import JSON
from lowerbound.serve.verbs import VERBS


@pytest.fixture
def batches(monkeypatch):
    """The sizes of what is computed together; each takes until `go` is set."""
    seen = []
    go = threading.Event()

    def answers(service, jobs):
        seen.append([job.verb.name for job in jobs])
        go.wait(5)
        return [b"{}"] * len(jobs)

    monkeypatch.setattr(gathering, "answers", answers)
    return seen, go


def handed_in(desk, name, seconds=10.0, rows=1, **fields):
    verb = VERBS[name]
    asked = {field.name: field.default for field in verb.fields} | {"rows": [[0]] * rows} | fields
    return desk.hand_in(verb, asked, rows, JSON, time.monotonic() + seconds)


def test_what_waits_is_computed_together(batches):
    seen, go = batches

    async def run():
        desk = Desk(None, Limits())
        first = handed_in(desk, "encode")
        await asyncio.sleep(0.05)
        later = [handed_in(desk, name) for name in ("encode", "decode", "encode", "reconstruct", "encode")]
        go.set()
        await asyncio.gather(first, *later)
        desk.close()

    asyncio.run(run())
    assert seen == [["encode"], ["encode"] * 3, ["decode"], ["reconstruct"]]


def test_rows_of_different_seeds_are_not(batches):
    seen, go = batches

    async def run():
        desk = Desk(None, Limits())
        waiting = [handed_in(desk, "score", seed=seed) for seed in (None, 1, 2, 1)]
        go.set()
        await asyncio.gather(*waiting)
        desk.close()

    asyncio.run(run())
    assert [len(batch) for batch in seen] == [1, 2, 1]


def test_more_than_may_wait_are_refused_at_once(batches):
    _, go = batches

    async def run():
        desk = Desk(None, Limits(waiting=3))
        waiting = [handed_in(desk, "encode")]
        await asyncio.sleep(0.05)  # it is worked on
        waiting += [handed_in(desk, "encode") for _ in range(3)]
        with pytest.raises(Refused) as refused:
            handed_in(desk, "encode")
        assert (refused.value.code, refused.value.status) == ("overloaded", 503)
        assert refused.value.headers[0][0] == b"retry-after"
        go.set()
        await asyncio.gather(*waiting)
        desk.close()

    asyncio.run(run())


def test_slow_verbs_do_not_hold_up_quick_ones(batches, monkeypatch):
    def answers(service, jobs):
        if jobs[0].slow:
            time.sleep(0.5)
        return [b"{}"] * len(jobs)

    monkeypatch.setattr(gathering, "answers", answers)

    async def run():
        desk = Desk(None, Limits())
        slow = handed_in(desk, "impute")
        start = time.monotonic()
        await handed_in(desk, "encode")
        assert time.monotonic() - start < 0.4
        assert not slow.done()
        await slow
        desk.close()

    asyncio.run(run())


def test_what_waited_too_long_is_refused_before_it_is_computed(batches):
    seen, go = batches

    async def run():
        desk = Desk(None, Limits())
        first, late = handed_in(desk, "encode"), handed_in(desk, "decode", seconds=0.05)
        await asyncio.sleep(0.1)
        go.set()
        await first
        with pytest.raises(Refused, match="takes longer"):
            await late
        desk.close()

    asyncio.run(run())
    assert seen == [["encode"]]


def test_what_would_take_too_long_is_refused_before_it_is_computed(monkeypatch):
    def answers(service, jobs):
        time.sleep(0.05)
        return [b"{}"] * len(jobs)

    monkeypatch.setattr(gathering, "answers", answers)

    async def run():
        desk = Desk(None, Limits())
        await handed_in(desk, "impute")
        with pytest.raises(Refused) as refused:
            handed_in(desk, "impute", seconds=1.0, rows=500)
        assert refused.value.code == "too_slow"
        desk.close()

    asyncio.run(run())


def test_a_quick_answer_that_does_not_hold_goes_to_the_slow_lane(monkeypatch):
    seen = []

    def answers(service, jobs):
        seen.extend((job.slow, threading.current_thread().name) for job in jobs)
        return [b"{}" if job.slow else OPEN for job in jobs]

    monkeypatch.setattr(gathering, "answers", answers)

    async def run():
        desk = Desk(None, Limits())
        assert await handed_in(desk, "score") == b"{}"
        desk.close()

    asyncio.run(run())
    assert seen == [(False, "lane-quick"), (True, "lane-slow")]
