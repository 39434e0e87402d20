"""A condition on columns, {"income": ">50K"}, as a row of the table of which only those are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Self

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.errors import DataError, Place
from lowerbound.data.numbers import NUMBER
from lowerbound.data.rows import Rows
from lowerbound.data.schema import Schema
from lowerbound.data.settled import settled_objects
from lowerbound.data.tables import Columns
from lowerbound.data.times import kind_of

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """What is given of a row: its `columns`, each of one value in the table's own type or of none, and the
    encoded `rows`, (1, d), NaN where nothing is given.

    >>> schema = Schema.of([[30, 0.5], [40, 0.25]])
    >>> Condition.of(schema, {"x0": 35}).rows.x.tolist()
    [[35.0, nan]]
    """

    columns: Columns
    rows: Rows

    @classmethod
    def of(cls, schema: Schema, given: Mapping[str, Any]) -> Self:
        """The condition that columns of a table have these values: levels by name, numbers in the table's own
        units; either may be text, as on a command line.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a column that the model has not, for a
        level that it has not, for what is no number, and for another value than a constant column's.
        """
        names = schema.names
        for name in given:
            if name not in names:
                raise DataError("given", f"columns of the model ({', '.join(names)})", repr(name))
        arrays = [
            _cell(column, given[column.name]) if column.name in given else column.blank(1)
            for column in schema.columns
        ]
        columns = Columns(arrays, names if schema.named else None, schema.form)
        rows = schema.taking_missing().rows(columns, name="given")
        if len(rows.impossible):
            _refuse(schema, columns)
        return cls(columns, rows)

    def repeated(self, n: int) -> Columns:
        """`n` such rows of the table, of which the rest is missing."""
        return replace(self.columns, arrays=[np.repeat(array, n) for array in self.columns.arrays])


def _refuse(schema: Schema, columns: Columns) -> NoReturn:
    """The error about values that have probability 0; a condition has no rows that could be left out."""
    try:
        schema.taking_missing().encode(columns, "given")
    except DataError as error:
        place = error.place._replace(row=None)
        raise DataError("given", error.expected, error.found, place) from None
    raise AssertionError("a row of probability 0 is refused")


def _cell(column: Column, value: Any) -> np.ndarray:
    """One value as a column of the table."""
    place, kind = Place(column=column.name), np.dtype(column.dtype).kind
    if not column.encoded and column.kind not in ("constant", "copy"):
        raise DataError("given", "a column that the model is of", "one that is left out of it", place)
    if column.levels is not None:
        cell = np.array([value], object)
        if column.unseen(cell)[0]:
            raise DataError("given", f"one of {', '.join(column.levels)}", repr(value), place)
        return column.restored(column.stored(cell))
    if column.timed:
        cell = column.typed(settled_objects(np.array([value], object)))
        if kind_of(cell) is None:
            raise DataError("given", "a date or a time, such as 2004-03-10 or 11:34", repr(value), place)
        return cell
    if kind not in "biuf":
        return np.array([value])
    if isinstance(value, str):
        text = {"true": "1", "false": "0"}.get(value.strip().lower(), value)
        if NUMBER.fullmatch(text) is None:
            raise DataError("given", "a number", repr(value), place)
        value = float(text)
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "biuf" or not np.isfinite(number):
        raise DataError("given", "one finite number", repr(value), place)
    with np.errstate(invalid="ignore"):
        typed = number[None].astype(column.dtype)
    return typed if kind == "f" or typed[0] == number else number[None].astype(float)
