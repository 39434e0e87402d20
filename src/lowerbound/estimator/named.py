"""Rows that an estimator is handed by the name of their source: a file, several by a pattern, a folder."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lowerbound.data.mapped.memory import Memory
from lowerbound.data.schema import Kinds, Schema
from lowerbound.data.sources.source import Source, open_source, read

__all__ = ["beyond_memory", "is_named", "rows_named", "some_numbers", "table_named"]

# A permutation of more rows takes more than 80 MB.
_PERMUTED = 10_000_000


def is_named(X: Any) -> bool:
    """Whether rows are handed by the name of their source.

    >>> is_named("data/*.parquet"), is_named([[0, 1]])
    (True, False)
    """
    return isinstance(X, str | os.PathLike)


def beyond_memory(X: Any, memory: Memory | str | int | None, kinds: Kinds | None) -> Source | None:
    """The rows of a source of which this memory has no room; None of any others."""
    if not is_named(X) or memory is None:
        return None
    source = open_source(os.fspath(X), kinds=kinds, memory=Memory.of(memory))
    return source if source.rows.mapped else None


def rows_named(X: Any, memory: Memory | str | int | None, schema: Schema) -> Source:
    """The rows of a source, for the model whose schema this is."""
    within = None if memory is None else Memory.of(memory)
    return open_source(os.fspath(X), schema=schema, memory=within)


def table_named(X: Any) -> Any:
    """Rows as a table, where they are handed by name; as they are otherwise."""
    return read(os.fspath(X)) if is_named(X) else X


def some_numbers(random: np.random.Generator, n: int, most: int) -> np.ndarray:
    """The numbers of at most so many of n rows, drawn.

    >>> len(some_numbers(np.random.default_rng(0), 5, 3))
    3
    """
    few = n <= _PERMUTED
    return random.permutation(n)[:most] if few else random.choice(n, min(most, n), replace=False)
