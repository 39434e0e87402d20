"""Encoded rows of a source, in memory or mapped from a file."""

from __future__ import annotations

import os
from collections.abc import Iterable

from lowerbound.archive.records import Reading
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.mapped.passed import Told
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Kinds, Schema
from lowerbound.data.sources.source import open_source

__all__ = ["open_rows"]


def open_rows(
    source: str | os.PathLike[str],
    *,
    memory: Memory | str | int | None = None,
    cache: str | os.PathLike[str] | None = None,
    schema: Schema | None = None,
    kinds: Kinds | None = None,
    missing_values: Iterable[object] | None = None,
    drop: Iterable[object] = (),
    columns: Iterable[object] | None = None,
    told: Told | None = None,
) -> Rows:
    """The encoded rows of any source of the command line, with their schema: what [`lowerbound.fit`][] and
    every other function takes.

    **Arguments:** `memory`: rows that take more, of bytes or as `"2 GB"`, are encoded once into a file of the
    folder `cache` (by default one of the user's cache) and mapped from there; None for rows in memory;
    `schema`: that of a model, by which rows are encoded; without one it is found, with the `kinds` that are
    said of some columns; `missing_values`, `drop`, `columns`: as in [`lowerbound.read`][]; `told`: is called
    with how many rows are looked at and encoded, a [`Passed`][lowerbound.data.mapped.passed.Passed].

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] and `FileNotFoundError` in one line;
    `ValueError` for a size that is none.

    >>> rows = open_rows("digits:test")
    >>> rows.x.shape, rows.mapped
    ((360, 64), False)
    """
    reading = Reading.of(missing_values=missing_values, drop=drop, columns=columns)
    within = None if memory is None else Memory.of(memory, cache)
    return open_source(os.fspath(source), None, schema, reading, kinds, within, told).rows
