"""What a row of a run looks like in JSON: a record by column name, or a list of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.schema import Schema
from lowerbound.data.tables import Columns
from lowerbound.serve.cells import cells_of, kind_of_json
from lowerbound.serve.errors import Refused
from lowerbound.serve.table import Table

__all__ = ["RowForm", "matrix_of"]

Rows = Sequence[Any]


@dataclass(frozen=True)
class RowForm:
    """What rows of a run look like in JSON: where its schema names columns a record each, else a list of
    `width` values. A missing value is null, a category is its level, a date ISO 8601, a time span seconds,
    and a number is in the table's own unit.

    >>> import pyarrow
    >>> form = RowForm(Schema.of(pyarrow.table({"color": ["red", "blue"], "mass": [0.5, 0.25]})), 2)
    >>> read = form.read([{"color": "red", "mass": 1}, {"color": None, "mass": 0.5}])
    >>> [column.tolist() for column in read.arrays]
    [['red', None], [1.0, 0.5]]
    >>> form.table(read.arrays).json()[1]
    {'color': None, 'mass': 0.5}
    >>> form.read([{"color": "red", "mas": 1}])
    Traceback (most recent call last):
    ...
    lowerbound.serve.errors.Refused: expected columns of the model, found 'mas' in row 0
    """

    schema: Schema | None
    width: int

    @property
    def names(self) -> tuple[str, ...] | None:
        """The columns' names, where the rows are records."""
        return self.schema.names if self.schema is not None and self.schema.named else None

    def read(self, rows: Rows) -> Columns:
        """The columns of rows, typed by the schema.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused], whose field begins at the row, `[3].age`.
        """
        if self.names is None:
            return self._of_lists(rows)
        cells = self._of_records(rows)
        arrays = [
            cells_of(column, cells[column.name], f".{column.name}")
            for column in self._columns
            if column.name in cells
        ]
        return Columns(arrays, tuple(column.name for column in self._columns if column.name in cells))

    def table(self, columns: Sequence[np.ndarray] | np.ndarray) -> Table:
        """Columns in their own types as a table of an answer."""
        own_types = {c.name: own for c in self._columns if (own := c.own_type) is not None}
        return Table(columns, self.names, own_types)

    @property
    def _columns(self) -> tuple[Column, ...]:
        return () if self.schema is None else self.schema.columns

    @cached_property
    def _as_it_is(self) -> bool:
        return all(column.numeric and column.as_it_is for column in self._columns)

    @cached_property
    def _needed(self) -> tuple[str, ...]:
        return tuple(column.name for column in self._columns if column.encoded)

    @cached_property
    def _optional(self) -> tuple[str, ...]:
        return tuple(column.name for column in self._columns if not column.encoded)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(column.name for column in self._columns)

    @cached_property
    def _of_needed(self) -> Callable[[Any], tuple[Any, ...]]:
        if len(self._needed) == 1:
            name = self._needed[0]
            return lambda row: (row[name],)
        return itemgetter(*self._needed)

    def _of_records(self, rows: Rows) -> dict[str, Sequence[Any]]:
        """The cells of each column by name; those that a row does not need only where a row has them."""
        known = self._known
        try:
            needed = [*map(self._of_needed, rows)]
            if not all(row.keys() <= known for row in rows):
                raise KeyError
            cells: dict[str, Sequence[Any]] = dict(zip(self._needed, zip(*needed, strict=True), strict=True))
        except (KeyError, TypeError, AttributeError):
            for number, row in enumerate(rows):
                self._check_record(number, row)
            cells = {name: [row.get(name) for row in rows] for name in self._needed}
        for name in self._optional:
            some = [row.get(name) for row in rows]
            if any(cell is not None for cell in some):
                cells[name] = some
        return cells

    def _check_record(self, number: int, row: Any) -> None:
        """Whether a row is a record of the columns; one that another says again may lack."""
        place, names = f"[{number}]", self.names or ()
        if not isinstance(row, dict):
            raise Refused(
                "wrong_type",
                f"expected a record of columns, found {kind_of_json(row)} in row {number}",
                *(place, f"a record of {_few(names)}", kind_of_json(row)),
            )
        for name in row:
            if name not in self._known:
                raise Refused(
                    "unknown_column",
                    f"expected columns of the model, found {name!r} in row {number}",
                    *(f"{place}.{name}", f"one of {_few(names)}", repr(name)),
                )
        said_again = {column.original for column in self._columns if column.name in row}
        for name in self._needed:
            if name not in row and name not in said_again:
                raise Refused(
                    "missing_column",
                    f"expected the column {name!r}, found none in row {number}; null says that a value is "
                    "missing",
                    *(f"{place}.{name}", f"the column {name!r}", f"columns {_few(tuple(row))}"),
                )

    def _of_lists(self, rows: Rows) -> Columns:
        """Columns of rows that are lists of numbers."""
        numbers = matrix_of(rows, self.width, null=True)
        columns = self._columns
        if self._as_it_is:
            return Columns(numbers.T, None)
        arrays = [cells_of(column, numbers[:, i].tolist(), f"[{i}]") for i, column in enumerate(columns)]
        return Columns(arrays, None)


def matrix_of(rows: Rows, width: int, *, null: bool = False) -> np.ndarray:
    """Lists of `width` numbers each as a matrix, float64; with `null` that stands for NaN.

    >>> matrix_of([[1, 2.5], [None, 4]], 2, null=True).tolist()
    [[1.0, 2.5], [nan, 4.0]]
    >>> matrix_of([[1, 2, 3]], 2)
    Traceback (most recent call last):
    ...
    lowerbound.serve.errors.Refused: expected 2 values, found 3 in row 0
    """
    if {*map(type, rows)} != {list} or {*map(len, rows)} != {width}:
        for number, row in enumerate(rows):
            if not isinstance(row, list):
                found = kind_of_json(row)
                message = f"expected a list of {width} numbers, found {found} in row {number}"
                raise Refused("wrong_type", message, f"[{number}]", f"a list of {width} numbers", found)
            if len(row) != width:
                message = f"expected {width} values, found {len(row)} in row {number}"
                raise Refused("wrong_width", message, f"[{number}]", f"{width} values", f"{len(row)}")
        return np.zeros((0, width))
    allowed = {int, float, type(None)} if null else {int, float}
    for number, row in enumerate(rows):
        if not allowed.issuperset(map(type, row)):
            place = next(i for i, cell in enumerate(row) if type(cell) not in allowed)
            found = kind_of_json(row[place])
            message = f"expected a number, found {found} in row {number}, value {place}"
            raise Refused("wrong_type", message, f"[{number}][{place}]", "a number", found)
    return np.array(rows, np.float64)


def _few(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, of many the first."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
