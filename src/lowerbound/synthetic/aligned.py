"""Real and synthetic rows side by side: the same columns, as numbers and as places among the same levels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from lowerbound.data.columns import Column
from lowerbound.data.errors import DataError
from lowerbound.data.schema import Schema
from lowerbound.data.tables import Columns, columns_of
from lowerbound.data.times import as_numbers

__all__ = ["Aligned", "as_columns"]


@dataclass(frozen=True)
class Aligned:
    """Tables of the same columns, each (rows, columns) of numbers: a number as it is, a date in years, a time
    of the day in hours, a time span in days, a level by its place among those that any of the tables has,
    NaN where a value is missing.

    `names`: of the columns; `levels`: those of each, none of a number; `tables`: the rows by what they are
    called. Columns that say nothing of a real row, and those of text, are left out.

    >>> real = [{"a": 1.5, "b": "x"}, {"a": 2.5, "b": "y"}, {"a": 1.5, "b": None}]
    >>> both = Aligned.of({"real": real, "synthetic": [{"b": "z", "a": 0.5}]})
    >>> both.names, both.levels, both.tables["synthetic"].tolist(), both.tables["real"][:, 1].tolist()
    (('a', 'b'), ((), ('x', 'y', 'z')), [[0.5, 2.0]], [0.0, 1.0, nan])
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    tables: dict[str, Float[np.ndarray, "n d"]]

    @classmethod
    def of(cls, tables: dict[str, Any], schema: Schema | None = None) -> Self:
        """Tables of any kind, by what errors call them; the first says what the columns are, where no
        `schema` does.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] where another lacks a column.
        """
        first, *_ = tables
        schema = schema or Schema.of(columns_of(tables[first], first), first, missing=True)
        read = {name: schema.held_against(table, name) for name, table in tables.items()}
        names, levels, values = [], [], []
        for place, column in enumerate(schema.columns):
            if not column.encoded or column.tokens is not None:
                continue
            arrays = [held.arrays[place] for held in read.values()]
            leveled = column.levels is not None or column.kind == "bit"
            found, coded = _placed(arrays) if leveled else ((), [_numbers(column, a) for a in arrays])
            names.append(column.name)
            levels.append(found)
            values.append(coded)
        stacked = {name: np.stack([v[i] for v in values], axis=1) for i, name in enumerate(read)}
        return cls(tuple(names), tuple(levels), stacked)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many levels each column has, 0 of a number."""
        return tuple(map(len, self.levels))

    def at_most(self, rows: int, seed: int) -> Self:
        """The same with at most so many rows of each table, drawn at random."""
        random = np.random.default_rng(seed)
        drawn = {name: x[random.permutation(len(x))[:rows]] for name, x in self.tables.items()}
        return replace(self, tables=drawn)

    def place(self, column: str) -> int:
        """The number of the column of this name.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] where there is none.
        """
        if column not in self.names:
            expected = f"one of the columns {', '.join(self.names)}"
            raise DataError("target", expected, repr(column), way_out="name a column that varies")
        return self.names.index(column)

    def features(self, name: str, scaled_by: str) -> Float[np.ndarray, "n features"]:
        """Rows as points whose distances mean something: numbers in their standard deviations in the table
        `scaled_by`, and one coordinate a level, such that two levels are 1 apart. A missing number lies at
        the mean, a missing level at none."""
        parts = []
        for place, levels in enumerate(self.sizes):
            x, unit = self.tables[name][:, place], self.tables[scaled_by][:, place]
            if levels:
                parts.append((x[:, None] == np.arange(levels)) / np.sqrt(2))
                continue
            known = unit[~np.isnan(unit)]
            spread = known.std() if len(known) and known.std() > 0 else 1.0
            parts.append(np.nan_to_num((x - (known.mean() if len(known) else 0.0)) / spread)[:, None])
        return np.concatenate(parts, axis=1)


def as_columns(schema: Schema | None, x: np.ndarray) -> Columns:
    """Encoded rows as columns of the table's own types; without a schema as they are."""
    return Columns(x.T, None) if schema is None else Columns(schema.restored(x), schema.names)


def _numbers(column: Column, values: np.ndarray) -> np.ndarray:
    return as_numbers(values, column.dtype) if column.timed else np.asarray(values, np.float64)


def _placed(arrays: list[np.ndarray]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """The different values that several arrays have together, and each array as the places among them."""
    cells = [[None if cell is None or cell != cell else cell for cell in a.tolist()] for a in arrays]
    known = sorted({cell for column in cells for cell in column if cell is not None})
    at: dict[Any, float] = {level: i for i, level in enumerate(known)} | {None: np.nan}
    return tuple(map(str, known)), [np.array([at[cell] for cell in column], np.float64) for column in cells]
