"""A table's holes filled with rows that a model gives."""

from __future__ import annotations

import numpy as np

from lowerbound.data.schema import Schema
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import Columns

__all__ = ["completed_columns"]


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
    new = schema.in_own_units(x).T if schema.numeric else schema.restored(x)
    columns = []
    for old, filled in zip(schema.held_against(read).arrays, new, strict=True):
        hole = holes_in(old)
        # A column of which nothing is known has the type of what fills it.
        columns.append(filled if hole.all() else np.where(hole, filled, old) if hole.any() else old)
    return columns
