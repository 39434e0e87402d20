"""Requests that wait for the model: gathered, bounded, and refused before work starts where time is short."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from lowerbound.serve.errors import Refused
from lowerbound.serve.jobs import OPEN, Job, answers
from lowerbound.serve.limits import Limits
from lowerbound.serve.service import Service
from lowerbound.text import counted

__all__ = ["Lane"]

# Rows that are computed together at most, and so many that a second thread is worth it.
_TOGETHER, _ENOUGH = 512, 64
# So many seconds those are waited for who were just answered.
_PATIENCE = 8e-3
# What a row is taken to cost before one was seen, in seconds, and how fast that is forgotten.
_FIRST_COST, _KEPT = 1e-3, 0.8


class Lane:
    """A queue of jobs and the threads that work on them. While one computes, the next jobs gather: those that
    are alike as the first are computed with it. Where there are two, the second takes what is enough rows to
    be worth it, so that it reads rows while the first is in XLA, without the interpreter's lock.

    A job is refused at once where so many wait already, or where those before it, by what they have cost so
    far, take longer than it has. `open_jobs` is told of jobs whose quick answer does not hold.
    """

    def __init__(
        self,
        service: Service,
        limits: Limits,
        name: str,
        threads: int = 1,
        open_jobs: Callable[[Job], None] | None = None,
    ) -> None:
        self._service, self._limits, self._open_jobs = service, limits, open_jobs
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Job] = deque()
        self._inbox: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._threads, self._at_work = threads, 0
        self._costs: dict[str, float] = {}
        self._ahead = 0.0  # seconds that those which wait, or are worked on, will take
        self._rows = 0  # that wait
        self._looks, self._expected = False, 0
        self._others: asyncio.TimerHandle | None = None
        for _ in range(threads):
            threading.Thread(target=self._work, name=f"lane-{name}", daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a job waits or is worked on."""
        return bool(self._waiting or self._at_work)

    def check_room(self) -> None:
        """Whether one more job may wait.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
        """
        if len(self._waiting) >= self._limits.waiting:
            raise Refused("overloaded", f"{len(self._waiting)} requests wait", retry_after=self._ahead)

    def add(self, job: Job) -> None:
        """A job that waits from now on.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where it would wait too long.
        """
        self.check_room()
        name = job.verb.name
        cost = job.size * self._costs.get(name, _FIRST_COST)
        left = job.deadline - time.monotonic()
        if self._ahead > left:
            raise Refused("overloaded", retry_after=self._ahead)
        if cost > left and name in self._costs:
            self._costs[name] *= _KEPT  # lest a single slow one refuse all that come after
            words = f"{counted(job.size, 'row')} would take about {cost:.0f} s: ask for fewer, or later"
            raise Refused("too_slow", words, retry_after=self._ahead)
        job.cost = cost
        self._ahead += cost
        self._waiting.append(job)
        self._rows += job.size
        if self._others is None:
            self._look_soon()
        elif self._rows >= _ENOUGH or len(self._waiting) >= self._expected:
            self._begin()

    def close(self) -> None:
        """Let the threads end when their work is done."""
        for _ in range(self._threads):
            self._inbox.put(None)

    def _look_soon(self) -> None:
        """Begin in the next turn of the loop: who has asked by then is computed together."""
        if not self._looks and self._waiting:
            self._looks = True
            self._loop.call_soon(self._begin)

    def _await_others(self, answered: int) -> None:
        """Those who were just answered ask again, as a rule: of many who do, all are computed together sooner
        than one half while the other waits, since few rows take as long as some."""
        self._expected = len(self._waiting) + answered
        self._others = self._loop.call_later(_PATIENCE, self._begin)

    def _begin(self) -> None:
        """Hand jobs to threads that are free."""
        if self._others is not None:
            self._others.cancel()
        self._looks, self._others, now = False, None, time.monotonic()
        while self._waiting and self._at_work < self._threads:
            if self._at_work and self._rows < _ENOUGH:
                break
            first = self._waiting.popleft()
            self._rows -= first.size
            if now > first.deadline:
                self._ahead -= first.cost
                first.done(Refused("overloaded", retry_after=self._ahead))
                continue
            self._at_work += 1
            self._inbox.put(self._gathered(first, now))

    def _gathered(self, first: Job, now: float) -> list[Job]:
        """The first job, and those that are alike."""
        jobs = [first]
        if first.alike is None or not self._waiting:
            return jobs
        rows, kept = first.size, deque[Job]()
        while self._waiting:
            job = self._waiting.popleft()
            if job.alike == first.alike and rows + job.size <= _TOGETHER and now <= job.deadline:
                rows += job.size
                jobs.append(job)
            else:
                kept.append(job)
        self._waiting = kept
        self._rows -= rows - first.size
        return jobs

    def _work(self) -> None:
        """A thread: jobs in, answers out."""
        while (jobs := self._inbox.get()) is not None:
            start = time.perf_counter()
            found = answers(self._service, jobs)
            seconds = time.perf_counter() - start
            try:
                self._loop.call_soon_threadsafe(self._finish, jobs, found, seconds)
            except RuntimeError:  # the loop is closed
                return

    def _finish(self, jobs: Sequence[Job], found: Sequence[Any], seconds: float) -> None:
        """In the loop: tell the answers, and begin with what has gathered."""
        rows, name = sum(job.size for job in jobs), jobs[0].verb.name
        each = seconds / max(rows, 1)
        self._costs[name] = _KEPT * self._costs.get(name, each) + (1 - _KEPT) * each
        self._ahead = max(0.0, self._ahead - sum(job.cost for job in jobs))
        self._at_work -= 1
        if not self._waiting and not self._at_work:
            self._ahead = 0.0
        for job, answer in zip(jobs, found, strict=True):
            if answer is OPEN and self._open_jobs is not None:
                self._open_jobs(job)
            else:
                job.done(answer)
        if self._waiting and self._rows < _ENOUGH and jobs[0].alike is not None:
            self._await_others(len(jobs))
        else:
            self._look_soon()
