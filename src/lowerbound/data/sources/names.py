"""The names of a file's columns: those that lack one, those that have another's, and numbers of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.schema import Schema
from lowerbound.data.sources.cells import without_codes
from lowerbound.data.tables import Columns

__all__ = ["Naming", "chosen", "kept_columns", "named"]

# So many whole numbers may differ by chance.
_FEW = 20
# What pandas and R call the numbers of rows when they write them beside the rows.
_ROWS = ("", "Unnamed: 0", "rownames", "row.names", "row_names", "X")


def named(read: Columns) -> Columns:
    """A file's columns with names that differ, each with what was decided in its notes: [`Naming`][]."""
    return Naming.of(read).given_to(read)


@dataclass(frozen=True)
class Naming:
    """Which of a file's columns are kept, by their places, what they are called, and what was decided."""

    places: tuple[int, ...]
    names: tuple[str, ...] | None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, read: Columns) -> Naming:
        """Names that differ for the columns of a file.

        A first column that numbers the rows, from 0 or 1, and has no name (pandas and R write their index so)
        or one that they give it, is left out, and so is one without a name of more than a few whole numbers
        that all differ: those that the rows had elsewhere. Another without a name is `index`, or x and its
        place. A last column without a name or a value (a separator at the end of each line) is left out. Of
        two columns of one name the second is name.1, as in pandas.

        >>> Naming.of(Columns([np.array([0, 1]), np.array([5, 7])], ("", "age"))).names
        ('age',)
        """
        kept = list(range(read.width))
        if read.names is None:
            return cls(tuple(kept), None)
        notes, names = [], [name.strip() for name in read.names]
        if read.width > 1 and not names[-1] and _empty(read.arrays[-1]):
            kept.pop()
            notes.append("a last column without a name or a value left out")
        if len(kept) > 1 and (
            (names[0] in _ROWS and _counts(read.arrays[0]))
            or (not names[0] and _numbers_rows(read.arrays[0]))
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
        return cls(tuple(kept), tuple(unique), tuple(notes))

    def given_to(self, read: Columns) -> Columns:
        """The columns that are kept, by these names."""
        if self.names is None:
            return read
        return replace(read.taken(self.places), names=self.names, notes=(*read.notes, *self.notes))


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


def kept_columns(read: Columns, reading: Reading, name: str, schema: Schema | None) -> Columns:
    """The columns that a reading keeps, without what stands for no value. Those of a model are found by
    their names, or, where there are none, are all there are, unless some have to be left out for that."""
    arrays = read.arrays
    if reading.missing_values is not None:
        codes = [without_codes(array, reading.missing_values) for array in arrays]
        if any(code is not array for code, array in zip(codes, arrays, strict=True)):
            read = replace(read, arrays=np.stack(codes) if isinstance(arrays, np.ndarray) else codes)
    if schema is None:
        return chosen(read, reading, name)
    by_name = schema.named and read.names is not None
    return read if by_name or read.width == len(schema.columns) else chosen(read, reading, name)


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
