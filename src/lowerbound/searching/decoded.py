"""Decoded rows as a table of the kind that trained the model, and which of them are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lowerbound.data.declared import Declared
from lowerbound.data.schema import Schema
from lowerbound.data.tables import table_like

__all__ = ["Decoded"]


@dataclass(frozen=True)
class Decoded:
    """Encoded rows `x`, (n, d), as the columns of their table, each in its own type and unit; of a model that
    knows of no table the numbers as they are. With `only` they are these columns alone, by name.

    >>> rows = Decoded(np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> rows.table.tolist(), rows.names
    ([[0.0, 1.0], [2.0, 3.0]], ('x0', 'x1'))
    """

    x: np.ndarray
    schema: Schema | None = None
    only: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns: x0, x1, … where the table has none."""
        return tuple(self._all_names[place] for place in self._places)

    @property
    def columns(self) -> list[np.ndarray]:
        """The columns, (n,) each."""
        own = [*self.x.T] if self.schema is None else self.schema.restored(self.x)
        return [own[place] for place in self._places]

    @property
    def table(self) -> Any:
        """A table of the kind that trained the model: an array (n, columns), or a frame."""
        form = "array" if self.schema is None else self.schema.form
        return table_like(form, self.names, self.columns, self.types)

    @property
    def types(self) -> list[Declared | None]:
        """What the table's own types say of the columns beyond NumPy's."""
        if self.schema is None:
            return [None for _ in self._places]
        return [self.schema.columns[place].own_type for place in self._places]

    @property
    def keys(self) -> list[str]:
        """64 bits of each row's values, by which equal rows are known."""
        columns = [column + 0 if column.dtype.kind == "f" else column for column in self.columns]  # −0 is 0
        rows: Iterator[tuple[Any, ...]] = zip(*(column.tolist() for column in columns), strict=True)
        return [hashlib.blake2b(repr(row).encode(), digest_size=8).hexdigest() for row in rows]

    def __getitem__(self, rows: Sequence[int] | np.ndarray) -> Decoded:
        """Some of the rows."""
        return Decoded(self.x[rows], self.schema, self.only)

    @property
    def _all_names(self) -> tuple[str, ...]:
        return tuple(f"x{i}" for i in range(self.x.shape[1])) if self.schema is None else self.schema.names

    @property
    def _places(self) -> list[int]:
        names = self._all_names
        return [*range(len(names))] if self.only is None else [names.index(name) for name in self.only]
