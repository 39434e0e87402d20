"""Columns that may be something else than what they are taken for: a person is asked about them."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.schema import Schema
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import Columns
from lowerbound.data.times import TIME_WORDS, TimeKind, kind_of, parsed

__all__ = ["doubts"]

# Of fewer rows numbers in order may be so by chance.
_ROWS = 20


def doubts(read: Columns, schema: Schema, said: Container[str] = ()) -> tuple[str, ...]:
    """A note on each column, but for those called as in `said`, that is left out as text though all of it
    reads as dates or times, and on each whose numbers count the rows.

    >>> from lowerbound.data.tables import columns_of
    >>> days = [{"n": n, "on": f"{n}.5.1960", "even": n % 2 == 0} for n in range(1, 31)]
    >>> read = columns_of(days)
    >>> for note in doubts(read, Schema.of(read)):
    ...     print(note)
    'n' counts the rows: if it only names them, --kinds n=identifier
    'on' is left out, and reads as dates: if it holds such, --kinds on=date
    """
    if not schema.named or isinstance(read.arrays, np.ndarray):
        return ()
    return tuple(_doubts(read, schema, said))


def _doubts(read: Columns, schema: Schema, said: Container[str]) -> Iterator[str]:
    for column, values in zip(schema.columns, read.arrays, strict=True):
        name, kind = repr(column.name), _kind_of_text(column, values)
        if column.name in said:
            continue
        if kind is not None:
            option = f"--kinds {column.name}={kind}"
            yield f"{name} is left out, and reads as {TIME_WORDS[kind]}: if it holds such, {option}"
        if column.kind == "whole" and _counts(values):
            yield f"{name} counts the rows: if it only names them, --kinds {column.name}=identifier"


def _kind_of_text(column: Column, values: np.ndarray) -> TimeKind | None:
    """The kind of dates or times that a column of text reads as."""
    if column.kind not in ("identifier", "text") or values.dtype.kind != "O":
        return None
    pairs = zip(values.tolist(), holes_in(values), strict=True)
    times, _ = parsed([None if hole else str(cell) for cell, hole in pairs])
    return None if times is None else kind_of(times)


def _counts(values: np.ndarray) -> bool:
    """Whether these are 0, 1, 2, … or 1, 2, 3, … ."""
    if len(values) < _ROWS or values.dtype.kind not in "iuf":
        return False
    return bool(values[0] in (0, 1) and (np.diff(values) == 1).all())
