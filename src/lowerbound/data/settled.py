"""Columns of Python's objects as what they are: numbers, text, dates, times."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

__all__ = ["holes_in", "own", "settled_objects", "without"]


def settled_objects(array: np.ndarray) -> np.ndarray:
    """A frame's column of objects as what they are: truth values and numbers with holes are floats, dates are
    `datetime64[D]`, dates with times `datetime64[us]` and time spans `timedelta64[us]`; times of the day
    (`datetime.time`) and text stay objects, with None where one is missing; anything else as it is, to be
    refused.

    >>> import datetime
    >>> settled_objects(np.array([datetime.date(2004, 3, 10), None], object)).tolist()
    [datetime.date(2004, 3, 10), None]
    >>> settled_objects(np.array([True, None], object)).tolist()
    [1.0, nan]
    """
    if array.dtype.kind in "US":
        array = array.astype(object)
    if array.dtype.kind != "O":
        return array
    cells = [None if _is_missing(cell) else cell for cell in array.tolist()]
    kinds = {type(cell) for cell in cells if cell is not None}
    if all(issubclass(kind, bool | int | float | np.number | np.bool_) for kind in kinds):
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    if all(issubclass(kind, datetime.date) for kind in kinds):
        naive = all(getattr(cell, "tzinfo", None) is None for cell in cells if cell is not None)
        times = any(issubclass(kind, datetime.datetime) for kind in kinds)
        if naive or not times:
            return np.array(cells, "datetime64[us]" if times else "datetime64[D]")
    if all(issubclass(kind, datetime.timedelta) for kind in kinds):
        return np.array(cells, "timedelta64[us]")
    settled = np.empty(len(cells), object)
    settled[:] = cells
    return settled


def _is_missing(cell: Any) -> bool:
    """None, NaN, NaT, and what pandas calls NA, which equals nothing and is no truth value."""
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or bool(cell != cell)


def holes_in(array: np.ndarray) -> np.ndarray:
    """Where a column has no value: null, NaN, NaT.

    >>> holes_in(np.array(["2004-03-10", "NaT"], "datetime64[D]")).tolist()
    [False, True]
    """
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind in "Mm":
        return np.isnat(array)
    if array.dtype.kind != "O":
        return np.zeros(len(array), bool)
    return np.array([cell is None or bool(cell != cell) for cell in array.tolist()], bool)


def own(cell: Any) -> Any:
    """A cell as Python's own, to be told.

    >>> own(np.int64(3))
    3
    """
    return cell.item() if isinstance(cell, np.generic) else cell


def without(values: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """Text or numbers of which some are missing.

    >>> without(np.array([1, 2]), np.array([False, True])).tolist()
    [1.0, nan]
    """
    values = values.astype(float) if values.dtype.kind in "biu" else values.copy()
    values[odd] = None if values.dtype.kind == "O" else np.nan
    return values
