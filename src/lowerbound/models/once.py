"""What follows from a model alone, found once for a model."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar

__all__ = ["once_a_model"]

Found = TypeVar("Found")


def once_a_model(function: Callable[..., Found]) -> Callable[..., Found]:
    """`function(model, *arguments)`, called once for a model, which does not change, and for arguments that
    are equal; what it gave is kept as long as the model is.

    >>> import lowerbound as lb
    >>> prior, calls = lb.StandardNormal(2), []
    >>> seen = once_a_model(lambda model: calls.append(model))
    >>> seen(prior), seen(prior), len(calls)
    (None, None, 1)
    """
    kept: dict[int, dict[Hashable, Found]] = {}

    @wraps(function)
    def found(model: Any, *arguments: Hashable) -> Found:
        of_model = kept.get(id(model))
        if of_model is None:
            of_model = kept[id(model)] = {}
            weakref.finalize(model, kept.pop, id(model), None)
        if arguments not in of_model:
            of_model[arguments] = function(model, *arguments)
        return of_model[arguments]

    return found
