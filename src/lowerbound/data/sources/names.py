"""The names of a file's columns: those that lack one, those that have another's, and numbers of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.tables import Columns

__all__ = ["chosen", "named"]

# So many whole numbers may differ by chance.
_FEW = 20
# What pandas and R call the numbers of rows when they write them beside the rows.
_ROWS = ("", "Unnamed: 0", "rownames", "row.names", "row_names", "X")


def named(read: Columns) -> Columns:
    """A file's columns with names that differ, each with what was decided in its notes.

    A first column that numbers the rows, from 0 or 1, and has no name (pandas and R write their index so) or
    one that they give it, is left out, and so is one without a name of more than a few whole numbers that all
    differ: those that the rows had elsewhere. Another without a name is `index`, or x and its place. A last
    column without a name or a value (a separator at the end of each line) is left out. Of two columns of one
    name the second is name.1, as in pandas.
    """
    if read.names is None:
        return read
    notes, names = [*read.notes], [name.strip() for name in read.names]
    kept = list(range(read.width))
    if read.width > 1 and not names[-1] and _empty(read.arrays[-1]):
        kept.pop()
        notes.append("a last column without a name or a value left out")
    if len(kept) > 1 and (
        (names[0] in _ROWS and _counts(read.arrays[0])) or (not names[0] and _numbers_rows(read.arrays[0]))
    ):
        kept.pop(0)
        called = repr(names[0]) if names[0] else "without a name"
        notes.append(f"numbers of rows left out, the column {called}")
    for place in kept:
        if not names[place]:
            names[place] = "index" if place == 0 and "index" not in names else f"x{place}"
            notes.append(f"column {place} has no name and is called {names[place]!r}")
    unique: list[str] = []
    for place in kept:
        unique.append(_other(names[place], unique, names))
        if unique[-1] != names[place]:
            notes.append(f"another column {names[place]!r} is called {unique[-1]!r}")
    taken = read.taken(kept)
    return replace(taken, names=tuple(unique), notes=tuple(notes))


def chosen(read: Columns, reading: Reading, name: str) -> Columns:
    """The columns that a reading keeps, in its order; without names they are called x and their number.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] where one that is named is not there.
    """
    if reading.columns is None and not reading.drop:
        return read
    if read.names is None:
        read = replace(read, names=tuple(f"x{place}" for place in range(read.width)))
    if reading.columns is not None:
        read = read.taken(_places(read, reading.columns, name, "columns"))
    if reading.drop:
        dropped = _places(read, reading.drop, name, "drop")
        read = read.taken([place for place in range(read.width) if place not in dropped])
    return read


def _places(read: Columns, asked: Sequence[str], name: str, option: str) -> list[int]:
    names = read.names or ()
    places = []
    for column in asked:
        if column in names:
            places.append(names.index(column))
        elif column.isdecimal() and int(column) < read.width:
            places.append(int(column))
        else:
            had = ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
            expected = f"the column {column!r} that --{option} names"
            raise DataError(name, expected, f"{read.width} columns{f': {had}' if had else ''}")
    return places


def _empty(array: np.ndarray) -> bool:
    if array.dtype.kind == "f":
        return bool(np.isnan(array).all())
    return array.dtype.kind == "O" and all(cell is None for cell in array.tolist())


def _counts(array: np.ndarray) -> bool:
    """Whether a column counts from 0 or from 1."""
    if array.dtype.kind not in "iu" or not len(array) or array[0] not in (0, 1):
        return False
    return bool((array == np.arange(len(array)) + int(array[0])).all())


def _numbers_rows(array: np.ndarray) -> bool:
    """Whether a column may be the numbers of rows among others: more than a few, all different, no years."""
    if array.dtype.kind not in "iu" or len(array) <= _FEW or array.min() < 0:
        return False
    years = array.min() >= 1500 and array.max() <= 2200
    return not years and len(np.unique(array)) == len(array)


def _other(name: str, before: Sequence[str], all_names: Sequence[str]) -> str:
    if name not in before:
        return name
    i = 1
    while f"{name}.{i}" in before or f"{name}.{i}" in all_names:
        i += 1
    return f"{name}.{i}"
