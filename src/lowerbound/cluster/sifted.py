"""The rows of a table that a model takes, and why it does not take the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from lowerbound.data.errors import DataError
from lowerbound.data.numbers import NUMBER
from lowerbound.data.refused import never_held
from lowerbound.data.rows import Rows, checked, rows_outside
from lowerbound.data.schema import Schema
from lowerbound.data.tables import Columns, matrix
from lowerbound.models.vae import VAE

__all__ = ["Sifted", "sifted"]


@dataclass(frozen=True, eq=False)
class Sifted:
    """Of the n rows of a table those that a model takes, as its `rows`, None where it takes none, with their
    `numbers`; of the others why they are `refused`, by number; and which of those have probability 0
    (`impossible`), where the others of them have no number at all."""

    rows: Rows | None
    numbers: Int[np.ndarray, " m"]
    refused: Mapping[int, str]
    impossible: Bool[np.ndarray, " n"]

    def spread(self, values: np.ndarray | None, width: int, other: float = np.nan) -> np.ndarray:
        """What was found of the rows that are taken, (m, width), among all rows, (n, width); of the rest
        `other`.

        >>> some = Sifted(None, np.array([1]), {0: "found inf"}, np.zeros(2, bool))
        >>> some.spread(np.array([[3.0]]), 1).ravel().tolist()
        [nan, 3.0]
        """
        spread = np.full((len(self.impossible), width), other, None if values is None else values.dtype)
        if values is not None:
            spread[self.numbers] = values
        return spread


def sifted(model: VAE, schema: Schema | None, table: Columns, name: str = "x") -> Sifted:
    """The rows of a `table` called `name` by a model of a `schema`, None where none is kept: one that holds
    what is no finite number, what a column never held (a level that was not seen), or what lies outside the
    model's support, is refused, and the others are none the worse for it.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what is wrong with more than single rows,
    such as a column that is lacking.

    >>> from lowerbound.assembly import build
    >>> from lowerbound.data.tables import columns_of
    >>> model = build(np.array([[0, 1], [1, 1], [1, 0]]), latent_dim=1, width=4).model
    >>> found = sifted(model, None, columns_of(np.array([[0.0, 1.0], [np.inf, 1.0], [0.0, 2.0]])))
    >>> found.numbers.tolist(), found.impossible.tolist()
    ([0], [False, False, True])
    >>> found.refused[1]
    'expected finite numbers, found inf in column 0'
    """
    read = table if schema is None else schema.held_against(table, name)
    missing, n = model.takes_missing if schema is None else schema.missing, read.length
    impossible, finite = np.zeros(n, bool), _fitting(read, schema)
    rows, numbers = _encoded(schema, read, np.flatnonzero(finite), name)
    if rows is not None and not missing and rows.x.dtype.kind == "f":
        rows, numbers = _those(rows, numbers, ~np.isnan(rows.x).any(1))
    if rows is not None:
        impossible[numbers[rows.impossible]] = True
        rows, numbers = _those(rows, numbers, ~impossible[numbers])
    if rows is not None:
        outside = rows_outside(model, rows.x)
        impossible[numbers[outside]] = True
        rows, numbers = _those(rows, numbers, ~outside)
    others = np.setdiff1d(np.arange(n), numbers)
    refused = {int(row): _why(model, schema, read.of_rows([row]), name) for row in others}
    return Sifted(None if rows is None else checked(model, rows, name=name), numbers, refused, impossible)


def _fitting(read: Columns, schema: Schema | None) -> Bool[np.ndarray, " n"]:
    """Which rows hold what float32 does, of columns that an encoded row has, and no text among numbers."""
    fitting, largest = np.ones(read.length, bool), np.finfo(np.float32).max
    for place, array in enumerate(read.arrays):
        column = None if schema is None else schema.columns[place]
        if column is not None and not column.encoded:
            continue
        if array.dtype.kind == "f":
            fitting &= ~(np.abs(array) > largest)
        elif array.dtype.kind == "O" and column is not None and column.numeric and column.levels is None:
            fitting &= [cell is None or NUMBER.fullmatch(str(cell)) is not None for cell in array.tolist()]
    return fitting


def _encoded(
    schema: Schema | None, read: Columns, numbers: np.ndarray, name: str
) -> tuple[Rows | None, np.ndarray]:
    """Some rows of a table as a model of the schema has them, a value that is missing as NaN; where they
    cannot all be encoded those that can be by themselves."""

    def encoded(some: Columns) -> Rows:
        if schema is None:
            return Rows(matrix(some, name, missing=True))
        return replace(schema.taking_missing().rows(some, name=name), schema=schema)

    def alone(row: int) -> bool:
        try:
            return bool(len(encoded(read.of_rows([row]))))
        except DataError:
            return False

    if not len(numbers):
        return None, numbers
    try:
        return encoded(read.of_rows(numbers)), numbers
    except DataError as error:
        if error.place.row is None:
            raise
    numbers = numbers[[alone(row) for row in numbers]]
    return encoded(read.of_rows(numbers)) if len(numbers) else None, numbers


def _those(rows: Rows, numbers: np.ndarray, taken: np.ndarray) -> tuple[Rows | None, np.ndarray]:
    if taken.all():
        return rows, numbers
    return (rows[taken] if taken.any() else None), numbers[taken]


def _why(model: VAE, schema: Schema | None, row: Columns, name: str) -> str:
    """Why one row is refused: in the words of the error that it is by itself."""
    try:
        if schema is None:
            checked(model, matrix(row, name, missing=model.takes_missing), name=name)
        else:
            encoded = schema.rows(row, name=name)
            if len(encoded.impossible):
                raise never_held(schema, row, (0,), name)
            checked(model, encoded, name=name)
    except DataError as error:
        column = f" in column {error.place.column!r}" if error.place.column is not None else ""
        return f"expected {error.expected}, found {error.found}{column}"
    return "expected a row that the model takes"
