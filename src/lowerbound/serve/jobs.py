"""Requests as jobs: rows of several computed together, an answer each."""

from __future__ import annotations

import logging
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.tables import Columns
from lowerbound.serve.errors import Refused, of_data
from lowerbound.serve.media import written
from lowerbound.serve.service import Service
from lowerbound.serve.table import Table
from lowerbound.serve.verb import Answer, Verb

__all__ = ["OPEN", "Job", "answers"]

log = logging.getLogger("lowerbound.serve")

# In place of an answer: the quick one did not hold for a row.
OPEN = object()


@dataclass(eq=False, slots=True)
class Job:
    """A request that waits: of so many rows (`size`), to be answered in a form (`media`, None for the parts
    themselves) by a `deadline` on the monotonic clock. `done` is told the answer, or the refusal."""

    verb: Verb
    asked: Mapping[str, Any]
    size: int
    deadline: float
    media: str | None
    done: Callable[[Any], None]
    slow: bool = False
    cost: float = 0.0
    alike: Any = field(init=False)

    def __post_init__(self) -> None:
        over = self.verb.over
        raw = self.asked.get(over) if over else None
        # Jobs with an equal `alike` are computed together; one without is by itself.
        self.alike = None
        if self.verb.of_rows and type(raw) is list:
            self.alike = (self.verb.name, *[self.asked[name] for name in self.verb.others])


def answers(service: Service, jobs: Sequence[Job]) -> list[Any]:
    """The answer of each job, or what refuses it, or OPEN; jobs are alike."""
    try:
        return _together(service, jobs)
    except Exception as error:
        if len(jobs) > 1:  # one of them is to blame: each by itself
            return [answers(service, [job])[0] for job in jobs]
        return [_refusal(error, jobs[0])]


def _refusal(error: Exception, job: Job) -> Refused:
    over = job.verb.over or ""
    if isinstance(error, Refused):
        inside = error.field is None or error.field.startswith(("[", "."))
        return error.within(over) if over and inside and error.status == 422 else error
    if isinstance(error, DataError):
        return of_data(error, over or "request")
    if isinstance(error, TypeError) and job.verb.name in ("impute", "surprise", "score"):
        return Refused("not_possible", str(error))
    log.error("%s failed", job.verb.name, exc_info=error)
    return Refused("internal")


def _together(service: Service, jobs: Sequence[Job]) -> list[Any]:
    """The answers of jobs whose rows are one after the other."""
    verb, first = jobs[0].verb, jobs[0]
    over = verb.over
    asked = dict(first.asked)
    if over is not None:
        raw = asked[over] if len(jobs) == 1 else [row for job in jobs for row in job.asked[over]]
        asked[over] = service.reader.columns(raw) if over == "rows" else service.reader.codes(raw)
    if verb.quick is not None and not first.slow:
        answer, holds = verb.quick(service, asked)
    else:
        answer, holds = _in_pieces(service, verb, asked, first), None
    if len(jobs) == 1:
        return [OPEN if holds is not None and not holds.all() else _given(answer, first)]
    found: list[Any] = []
    start = 0
    for job in jobs:
        rows = slice(start, start + job.size)
        start += job.size
        some = {name: _of_rows(part, rows) for name, part in answer.items()}
        found.append(OPEN if holds is not None and not holds[rows].all() else _given(some, job))
    return found


def _given(answer: Answer, job: Job) -> Any:
    return answer if job.media is None else written(answer, job.verb.main_of(job.asked), job.media)


def _of_rows(part: Any, rows: slice) -> Any:
    """A part of an answer for some of its rows; what is no row's stays as it is."""
    if isinstance(part, (np.ndarray, Table)):
        return part[rows]
    if isinstance(part, Mapping):
        return {name: _of_rows(each, rows) for name, each in part.items()}
    if isinstance(part, list) and part and isinstance(part[0], Table):
        return [table[rows] for table in part]
    return part


def _in_pieces(service: Service, verb: Verb, asked: dict[str, Any], job: Job) -> Answer:
    """An answer whose rows are computed so many at once; none goes on behind its deadline."""
    over, piece = verb.over, verb.piece
    rows = asked[over] if over is not None else None
    count = rows.length if isinstance(rows, Columns) else 0
    if piece is None or not job.slow or count <= piece or over is None or not isinstance(rows, Columns):
        return verb.answer(service, asked)
    parts = []
    for start in range(0, count, piece):
        if start and time.monotonic() > job.deadline:
            words = f"{start} of {count} rows were done in time"
            raise Refused("too_slow", f"{words}: ask for fewer at once", over)
        some = rows.of_rows(slice(start, start + piece))
        try:
            parts.append(verb.answer(service, asked | {over: some}))
        except DataError as error:
            raise error.moved(partial(operator.add, start)) from None
        except Refused as refused:
            raise refused.moved(start) from None
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(parts: list[Any]) -> Any:
    """Parts of an answer's pieces as one."""
    first = parts[0]
    if isinstance(first, Table):
        return Table.joined(parts)
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, Mapping):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, list) and first and isinstance(first[0], Table):
        return [_joined(list(tables)) for tables in zip(*parts, strict=True)]
    return first
