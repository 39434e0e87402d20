"""Where requests are handed in: each goes to the quick or to the slow lane, and comes back as an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from lowerbound.serve.asked import asked_of, size_of
from lowerbound.serve.errors import Refused
from lowerbound.serve.gathering import Lane
from lowerbound.serve.jobs import Job
from lowerbound.serve.limits import Limits
from lowerbound.serve.service import Service
from lowerbound.serve.verb import Answer, Verb
from lowerbound.serve.verbs import VERBS

__all__ = ["Desk"]


class Desk:
    """A service with its limits, and the two lanes in which requests wait for it: long verbs in one of their
    own, so that others do not wait for them. Made where the event loop runs."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self.service, self.limits = service, limits
        self.slow = Lane(service, limits, "slow")
        self.quick = Lane(service, limits, "quick", 2, self._take_over)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self.quick.waiting + self.slow.waiting

    @property
    def busy(self) -> bool:
        """Whether a request waits or is worked on."""
        return self.quick.busy or self.slow.busy

    async def ask(self, name: str, fields: Mapping[str, Any]) -> Answer:
        """The parts of a verb's answer, as arrays and tables.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
        """
        verb = VERBS[name]
        asked = asked_of(verb, dict(fields), self.limits)
        deadline = time.monotonic() + self.limits.seconds
        answer: Answer = await self.hand_in(verb, asked, size_of(verb, asked), None, deadline)
        return answer

    def lane(self, verb: Verb, asked: Mapping[str, Any], size: int) -> Lane:
        """The lane in which a request waits, by its verb, fields and size."""
        made_slow = verb.slow_with is not None and asked[verb.slow_with] is not None
        long = verb.slow_above is not None and size > verb.slow_above
        return self.slow if verb.slow or made_slow or long else self.quick

    def hand_in(
        self, verb: Verb, asked: Mapping[str, Any], size: int, media: str | None, deadline: float
    ) -> asyncio.Future[Any]:
        """What will be the answer, as bytes in a form or as its parts.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused], now or later.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(answer: Any) -> None:
            if future.done():
                return
            if isinstance(answer, Refused):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        lane = self.lane(verb, asked, size)
        lane.add(Job(verb, asked, size, deadline, media, done, slow=lane is self.slow))
        return future

    def close(self) -> None:
        """Let both threads end when their work is done."""
        self.quick.close()
        self.slow.close()

    def _take_over(self, job: Job) -> None:
        """A job whose quick answer does not hold for a row goes the whole way in the slow lane."""
        job.slow, job.alike = True, None
        try:
            self.slow.add(job)
        except Refused as refused:
            job.done(refused)
