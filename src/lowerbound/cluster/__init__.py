"""Rows by the million: a run's scores, codes and completions, part after part of files, over a Ray Dataset,
or in any program that hands on Arrow's record batches, Spark's `mapInArrow` among them. Called as
`lb.cluster.score(…)`.

What is computed of a row is a function of (seed, the row's content), so that parts, batches and workers leave
each row the number that one process gives it, to the bit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lowerbound.cluster.batches import mapped
    from lowerbound.cluster.datasets import encode, impute, score
    from lowerbound.cluster.parts import write_parts

__all__ = ["encode", "impute", "mapped", "score", "write_parts"]

# Nothing is imported until a name is used.
_INDEX = {
    **dict.fromkeys(("encode", "impute", "score"), "datasets"),
    "mapped": "batches",
    "write_parts": "parts",
}


def __getattr__(name: str) -> Any:
    if name not in _INDEX:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"lowerbound.cluster.{_INDEX[name]}"), name)
    globals()[name] = value
    return value
