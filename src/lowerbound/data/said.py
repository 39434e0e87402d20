"""What a person says of the columns of a table, and so what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.copies import copied, without_copies
from lowerbound.data.found import found_in, with_levels
from lowerbound.data.pixels import as_pixels
from lowerbound.data.refused import nothing_left
from lowerbound.data.tables import Columns

__all__ = ["Said"]


@dataclass(frozen=True)
class Said:
    """What a person says of columns: the kinds that are `named`, by column; `columns` of a schema, whose
    levels and orders are taken; the shape of an image; that all are `counts`, kept as they are."""

    named: Mapping[str, str]
    columns: Sequence[Column] = ()
    image_shape: tuple[int, ...] | None = None
    counts: bool = False

    def columns_of(
        self, read: Columns, name: str, *, missing: bool, beside: Sequence[np.ndarray] | None = None
    ) -> tuple[tuple[Column, ...], bool]:
        """The columns of a table with their units, and whether values are missing; `beside` are more cells of
        each column, by which its kind, its ends and its levels are found, and which are of no row.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what is no finite number, text or
        time, for what a named kind cannot hold, and where no column says anything of a row."""
        looked = read if beside is None else _with_cells(read, beside)
        found = found_in(looked, name, missing, self.named)
        found = with_levels(found, self.columns, looked, name)
        values = [column.typed(array) for column, array in zip(found, looked.arrays, strict=True)]
        as_they_are = self.counts or self.image_shape is not None or all(column.few for column in found)
        columns = found if as_they_are else tuple(map(Column.kept_for, found, values))
        if not as_they_are:
            columns = tuple(
                column if column.name in self.named else column.stepped(array)
                for column, array in zip(columns, values, strict=True)
            )
        if any(not column.numeric for column in columns):
            missing = missing or any(column.holes for column in columns if column.encoded)
        if self.image_shape is not None:
            columns = as_pixels(columns, values)
        if not as_they_are:
            rows = [array[: read.length] for array in values]
            columns = without_copies(columns, rows, {*self.named} - copied(self.columns))
        if not any(column.encoded for column in columns):
            columns = found  # a table in which nothing varies is kept as it is
        if not any(column.encoded for column in columns):
            raise nothing_left(columns, name)
        return columns, missing


def _with_cells(read: Columns, beside: Sequence[np.ndarray]) -> Columns:
    """Columns, each with more cells below."""
    if isinstance(read.arrays, np.ndarray):
        return replace(read, arrays=np.concatenate([read.arrays, np.stack(beside)], axis=1))
    pairs = zip(read.arrays, beside, strict=True)
    return replace(
        read, arrays=[np.concatenate([array, cells]) if len(cells) else array for array, cells in pairs]
    )
