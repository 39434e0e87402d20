"""What is said of values that a schema has no place for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.copies import disagreeing
from lowerbound.data.declared import level_names
from lowerbound.data.errors import DataError, Place
from lowerbound.data.settled import holes_in, own
from lowerbound.data.tables import Columns
from lowerbound.data.times import TIME_WORDS, step_words
from lowerbound.text import listed as numbered

if TYPE_CHECKING:
    from lowerbound.data.schema import Schema

__all__ = ["listed", "never_held", "no_times", "nothing_left", "taken_for_missing"]


def never_held(schema: Schema, read: Columns, rows: Sequence[int] | np.ndarray, name: str) -> DataError:
    """The error about rows that have probability 0, since a column never held their values: what is wrong
    with the first, and the numbers of all."""
    row = int(rows[0])
    cells = [array[row : row + 1] for array in read.arrays]
    more = f" ({len(rows):,} rows in all: {numbered(rows)})" if len(rows) > 1 else ""
    odd = [place for place, column in enumerate(schema.columns) if column.outside(cells[place])[0]]
    if not odd:
        copies = disagreeing(schema.columns, cells)
        place = next(place for place, differs in copies.items() if differs[0])
        column = schema.columns[place]
        original = cells[schema.names.index(column.original or "")]
        goes, with_it, found = (
            repr(each.tolist()[0]) if each.dtype.kind == "O" else level_names(each)[0]
            for each in (column.following(original), original, cells[place])
        )
        expected = f"{goes}, which goes with {with_it} in {column.original!r}"
        where = Place(row, column.name if schema.named else place)
        way_out = "leave the row out, or one of the two values"
        return DataError(name, expected, f"{found}{more}", where, way_out)
    place, column = odd[0], schema.columns[odd[0]]
    where = Place(row, column.name if schema.named else place)
    value = cells[place][0]
    if column.kind == "constant":
        numeric = column.levels is None and not column.timed
        only = f"{column.low:g}" if numeric else column.only
        way_out = "leave the row out, or the column where the schema is made"
        return DataError(name, f"{only}, which that column always was", f"{value}{more}", where, way_out)
    if column.tokens is not None:
        expected = column.tokens.fault(str(value)) or ""
        return DataError(name, expected, f"{own(value)!r}{more}", where, "leave the row out")
    if column.kind == "grey":
        return DataError(name, "multiples of 1/255", f"{value}{more}", where, "leave the row out")
    if column.kind == "rounded":
        expected = f"numbers of {column.decimals} decimal{'s' * (column.decimals > 1)}"
        return DataError(name, expected, f"{value}{more}", where, "round it, or leave the row out")
    if column.timed:
        expected = f"{TIME_WORDS[column.kind]} in steps of {step_words(column.unit, column.dtype)}"
        return DataError(name, expected, f"{value}{more}", where, "leave the row out")
    expected = f"one of the {len(column.levels or ())} values that the column had"
    way_out = "leave the row out, or the value, as unseen='missing' does (--unseen missing)"
    return DataError(name, expected, f"{own(value)!r}{more}", where, way_out)


def no_times(column: Column, values: np.ndarray, name: str, told: int | str) -> DataError:
    """The error about values that are no dates, times or time spans, where the column holds such."""
    row = int((~holes_in(values)).argmax())
    return DataError(name, TIME_WORDS[column.time or "date"], repr(own(values[row])), Place(row, told))


def nothing_left(columns: Sequence[Column], name: str) -> DataError:
    """The error about a table of which every column is left out."""
    if all(column.kind == "missing" for column in columns):
        return DataError(name, "at least one value that was observed", "no value at all")
    told = "; ".join(f"{column.name!r} ({column.words})" for column in columns[:3])
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    way_out = f"where one is data, say what it is: kinds={{{columns[0].name!r}: 'category'}}"
    return DataError(name, "a column that says something of a row", f"none: {told}{more}", way_out=way_out)


def taken_for_missing(schema: Schema, table: Columns) -> tuple[str, ...]:
    """A note on each column of a table with levels that its schema takes for missing."""
    notes = []
    for column in schema.columns if schema.unseen == "missing" and schema.named else ():
        if column.levels is not None and table.names is not None:
            names = level_names(table.arrays[table.place(column.name)])
            new = [name for name in names if name is not None and name not in column.levels]
            told = listed(sorted(set(new)))
            cells = f"{len(new)} cell{'s' * (len(new) != 1)}"
            notes += [f"{cells} of {column.name!r} taken for missing: {told}"] if new else []
    return tuple(notes)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence, of many the first."""
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
