"""The programs of a service, compiled before it says that it is ready, so that none is compiled after."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lowerbound.data.chunks import transformed
from lowerbound.data.kept import KEPT
from lowerbound.evidence.ladder import compiled
from lowerbound.inference.imputation import compile_imputed
from lowerbound.models.transforms import Identity
from lowerbound.serve.asked import asked_of, size_of
from lowerbound.serve.errors import Refused
from lowerbound.serve.explorer.latents import Latents
from lowerbound.serve.jobs import Job, answers
from lowerbound.serve.limits import Limits
from lowerbound.serve.media_types import JSON
from lowerbound.serve.service import DRAWS, Service
from lowerbound.serve.verb import Verb
from lowerbound.serve.verbs import VERBS

__all__ = ["are_compiled", "say_compiled", "warm"]

log = logging.getLogger("lowerbound.serve")


def warm(service: Service) -> dict[str, float]:
    """Answer every verb's example once, and go to the end of the ways that an example need not go, what is
    asked for most first; the seconds of each."""
    seconds: dict[str, float] = {}
    for name, step in _steps(service):
        start = time.perf_counter()
        try:
            step()
        except Refused as refused:
            log.info("%s: %s", name, refused.message)
        seconds[name] = time.perf_counter() - start
        log.info("%s is compiled after %.2f s", name, seconds[name])
    return seconds


def are_compiled(service: Service) -> bool:
    """Whether an earlier process compiled all programs of such a service, and all are kept: then there is
    nothing to compile, and each is read when it is first needed."""
    return KEPT.vouched(*_needing(service))


def say_compiled(service: Service) -> None:
    """Say for later processes that all programs of such a service are kept; called after [`warm`][]."""
    KEPT.vouch(*_needing(service))


def _needing(service: Service) -> tuple[Any, ...]:
    """What the programs of a service depend on."""
    schema = None if service.schema is None else json.dumps(service.schema.to_json(), default=str)
    budget = (service.method, service.samples, service.error)
    return service.model, budget, service.calibration is None, schema


def _steps(service: Service) -> Iterator[tuple[str, Callable[[], object]]]:
    for verb in VERBS.values():
        yield verb.name, partial(_answered, service, verb)
    yield "means of samples", partial(service.sample, 1, mean=True, seed=0)
    yield "every method of score", partial(_every_method, service)
    yield "every method of surprise", partial(_surprised, service)
    if service.schema is not None and service.width > 1:
        yield "samples given a column", partial(_given, service)
    yield "codes of the explorer", partial(Latents.of_service, service, most=1)
    yield "refined imputation", partial(_imputed, service)


def _answered(service: Service, verb: Verb) -> None:
    """The example of a verb, by the way that a request goes."""
    asked = asked_of(verb, verb.example(service), Limits())
    for slow in (False, True) if verb.quick is not None else (verb.slow,):
        job = Job(verb, asked, size_of(verb, asked), np.inf, JSON, lambda answer: None, slow=slow)
        (answer,) = answers(service, [job])
        if isinstance(answer, Refused):
            raise answer


def _every_method(service: Service) -> None:
    """log p(x) by each rung of the ladder."""
    rows = service.rows(service.reader.columns(VERBS["score"].example(service)["rows"]))[:1]
    budget: dict[str, Any] = {"samples": service.samples, "error": service.error}
    compiled(service.model, rows, method=service.method, **budget)


def _surprised(service: Service) -> None:
    """The same of rows with a hole, which surprise asks for."""
    model, _ = service.with_holes
    rows = service.rows(service.reader.columns(VERBS["score"].example(service)["rows"]))[:1]
    y = transformed(model.transform, rows.x, service.key)
    budget: dict[str, Any] = {"samples": service.samples, "error": service.error}
    compiled(replace(model, transform=Identity()), y, **budget)


def _given(service: Service) -> None:
    """Rows given their first column, and means of such."""
    row = VERBS["encode"].example(service)["rows"][0]
    assert service.schema is not None
    name = service.schema.encoded[0].name
    value = row[name] if isinstance(row, dict) else row[0]
    for mean in (False, True):
        service.sample_given({name: value}, 1, mean=mean, seed=0)


def _imputed(service: Service) -> None:
    """Rows whose posterior is refined for what they lack."""
    model, _ = service.with_holes
    read = service.reader.columns(VERBS["impute"].example(service)["rows"])
    compile_imputed(model, service.rows(read, holes=True), draws=DRAWS)
