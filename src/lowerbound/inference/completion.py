"""A table's holes filled with rows that a model gives."""

from __future__ import annotations

import numpy as np

from lowerbound.data.schema import Schema
from lowerbound.data.tables import Columns

__all__ = ["completed_columns", "holes_of"]


def completed_columns(schema: Schema, read: Columns, x: np.ndarray) -> list[np.ndarray]:
    """The columns of a table, those of the `schema`, with their holes filled by the encoded rows `x`, in the
    table's own units and types; what was observed is as it was, to the bit.

    >>> import pyarrow
    >>> from lowerbound.data.tables import columns_of
    >>> table = pyarrow.table({"color": ["red", None, "blue", "red"], "mass": [0.5, None, 0.25, 1.0]})
    >>> schema = Schema.of(table)
    >>> [column.tolist() for column in completed_columns(schema, columns_of(table), np.zeros((4, 2)))]
    [['red', 'blue', 'blue', 'red'], [0.5, 0.0, 0.25, 1.0]]
    """
    new = schema.restored(x) if schema.leveled else schema.in_own_units(x).T
    columns = []
    for old, filled in zip(schema.held_against(read).arrays, new, strict=True):
        hole = holes_of(old)
        # A column of which nothing is known has the type of what fills it.
        columns.append(filled if hole.all() else np.where(hole, filled, old) if hole.any() else old)
    return columns


def holes_of(column: np.ndarray) -> np.ndarray:
    """Which cells of a table's column hold no value: None and NaN.

    >>> holes_of(np.array(["a", None], object)).tolist(), holes_of(np.array([np.nan, 1.0])).tolist()
    ([False, True], [True, False])
    """
    if column.dtype.kind != "O":
        return np.asarray(column != column)
    return np.array([value is None or value != value for value in column.tolist()])
