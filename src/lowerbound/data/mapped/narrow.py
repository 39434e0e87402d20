"""The narrowest type that holds encoded rows."""

from __future__ import annotations

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.data.schema import Schema

__all__ = ["NarrowError", "narrowed", "narrowest"]

_WHOLE = ("int8", "uint8", "int16", "uint16", "int32")


class NarrowError(Exception):
    """A type does not hold some rows; `dtype` does."""

    def __init__(self, dtype: np.dtype):
        super().__init__(str(dtype))
        self.dtype = dtype


def narrowest(schema: Schema) -> np.dtype:
    """The narrowest type of rows between the ends that a schema says: float32 where one is real or may be
    missing. Whole numbers to 127 are `int8` where the table's own type is not `uint8`, in which the numbers
    of an image are.

    >>> [str(narrowest(Schema.of([[0, n], [1, 0]]))) for n in (9, 200, 300, 70_000, 0.5)]
    ['int8', 'uint8', 'int16', 'int32', 'float32']
    """
    columns = schema.encoded
    if schema.missing or any(column.holes or not _has_steps(column) for column in columns):
        return np.dtype(np.float32)
    ends = [end for column in columns for end in _ends(column)]
    return _holding(min(ends), max(ends), bytes_first=all(column.dtype == "uint8" for column in columns))


def narrowed(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rows in a type.

    **Raises:** `NarrowError` where it does not hold them.
    """
    if dtype.kind != "f":
        if x.dtype.kind == "f" and not (x == np.floor(x)).all():
            raise NarrowError(np.dtype(np.float32))
        limits, low, high = np.iinfo(dtype), int(x.min()), int(x.max())
        if low < limits.min or high > limits.max:
            raise NarrowError(_holding(min(low, limits.min), max(high, limits.max)))
    return x.astype(dtype, copy=False)


def _holding(low: float, high: float, *, bytes_first: bool = False) -> np.dtype:
    """The first type that holds whole numbers between these."""
    for name in ("uint8", *_WHOLE) if bytes_first else _WHOLE:
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return np.dtype(name)
    return np.dtype(np.float32)


def _has_steps(column: Column) -> bool:
    """Whether what is kept of a column are whole numbers."""
    return column.choices > 0 or column.whole


def _ends(column: Column) -> tuple[float, float]:
    """The least and the greatest of what is kept."""
    if column.choices:
        return 0, column.choices - 1
    low, high = ((end or 0) - column.offset for end in (column.low, column.high))
    return round(low / column.unit), round(high / column.unit)
