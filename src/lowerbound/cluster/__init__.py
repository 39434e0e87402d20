"""Rows by the million: a run's scores, codes and completions, part after part of files, over a Ray Dataset,
or in any program that hands on Arrow's record batches, Spark's `mapInArrow` among them. Called as
`lb.cluster.score(…)`.

What is computed of a row is a function of (seed, the row's content), so that parts, batches and workers leave
each row the number that one process gives it, to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowerbound.lazily import lazily

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

__getattr__ = lazily(__name__, _INDEX)
