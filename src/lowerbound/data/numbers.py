"""Arrays of numbers: rows (n, d) and columns, checked, in types that a device has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from lowerbound.data.errors import DataError, Place
from lowerbound.data.pages import let_go

__all__ = [
    "NUMBER",
    "as_rows",
    "blocks",
    "check_column",
    "check_finite",
    "check_range",
    "check_shape",
    "first_odd",
    "numbered_blocks",
    "odd_cell",
]

# Whose digits can be cut in one way alone: else a long cell that is no number takes minutes.
NUMBER = re.compile(r"\s*[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def as_rows(x: Any, name: str = "x", *, missing: bool = False, looked_at: bool = False) -> np.ndarray:
    """`x` as an array of shape (n, d) in a type of its own that a device has. With `missing`, NaN stands
    for a value that was not observed; `looked_at` says that its values are known to be finite.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything but numbers, another shape, no
    rows, NaN and infinity (with the place of the first).

    >>> as_rows([[1, 2], [3, 4]]).shape
    (2, 2)
    >>> as_rows([[1.0, float("nan")]])
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x: expected finite numbers, found nan in row 0, column 1; \
1 value in all is missing or not finite
    """
    x = np.asarray(x)
    check_shape(x, name)
    if x.dtype.kind == "f":
        if not looked_at:
            check_finite(x, name, missing)
        return x.astype(x.dtype.newbyteorder("=") if x.dtype.itemsize <= 4 else np.float32, copy=False)
    if x.dtype.itemsize == 8:
        limits = np.iinfo(np.int32)
        if x.min() < limits.min or x.max() > limits.max:
            row, column = np.argwhere((x < limits.min) | (x > limits.max))[0].tolist()
            found = str(x[row, column])
            raise DataError(name, "whole numbers that fit into 32 bits", found, Place(row, column), _DIVIDE)
        return x.astype(np.int32)
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def check_shape(x: np.ndarray, name: str) -> None:
    """Whether `x` is an array of numbers of shape (n, d), with a row and a column at least."""
    if x.dtype.kind not in "biuf":
        kind = {"O": "Python objects", "U": "text", "S": "bytes", "c": "complex numbers"}
        raise DataError(name, "an array of real numbers", kind.get(x.dtype.kind, str(x.dtype)))
    if x.ndim != 2:
        way_out = "flatten images with x.reshape(len(x), -1)" if x.ndim > 2 else ""
        raise DataError(name, "rows, an array of shape (n, d)", f"shape {x.shape}", way_out=way_out)
    if 0 in x.shape:
        raise DataError(name, "at least one row and one column", f"shape {x.shape}")


_DIVIDE = "divide the column by a unit, or leave it out (identifiers are not data)"


def check_finite(x: np.ndarray, name: str, missing: bool) -> None:
    """Whether all values are finite as float32, in one look at each block; NaN passes where `missing`."""
    least, greatest = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
    largest = np.finfo(np.float32).max

    def fits(block: np.ndarray) -> bool:
        low, high = least.reduce(block, axis=None), greatest.reduce(block, axis=None)
        return bool((low >= -largest) & (high <= largest)) or bool(missing and np.isnan(low))

    if not all(map(fits, blocks(x))):
        raise _not_finite(x, name, missing)


def _not_finite(x: np.ndarray, name: str, missing: bool) -> DataError:
    """What is said of the first value that is not finite, or, where all are, of the first that float32 has
    not."""
    largest = np.finfo(np.float32).max
    first: tuple[int, int] | None = None
    huge, count = (0, 0), 0
    for start, block in numbered_blocks(x):
        odd = np.isinf(block) if missing else ~np.isfinite(block)
        if first is None and odd.any():
            first = _place(odd, start)
        count += int(odd.sum())
        if huge == (0, 0) and (beyond := np.abs(block) > largest).any():
            huge = _place(beyond, start)
    if first is None:
        return DataError(name, "numbers that fit into float32", str(x[huge]), Place(*huge), _DIVIDE)
    way_out = f"{count} value{'s' * (count > 1)} in all {'are' if count > 1 else 'is'} missing or not finite"
    return DataError(name, "finite numbers", str(x[first]), Place(*first), way_out)


def _place(odd: np.ndarray, start: int) -> tuple[int, int]:
    """Row and column of the first of a block whose first row is `start`."""
    row, column = np.argwhere(odd)[0].tolist()
    return start + row, column


def blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """A few rows at a time, which stay in a cache between two looks at them."""
    return (block for _, block in numbered_blocks(x))


def numbered_blocks(x: np.ndarray, cells: int = 65536) -> Iterator[tuple[int, np.ndarray]]:
    """The same, of so many cells at most, each with the number of its first row.

    >>> [(first, block.shape) for first, block in numbered_blocks(np.zeros((3, 40_000)))]
    [(0, (1, 40000)), (1, (1, 40000)), (2, (1, 40000))]
    """
    step = max(1, cells // x.shape[1])
    for first in range(0, len(x), step):
        block = x[first : first + step]
        yield first, block
        let_go(block)


def check_column(
    array: np.ndarray, name: str, column: int | str, missing: bool, *, finite: bool = True
) -> None:
    """Whether a column holds numbers, and, with `finite`, finite ones; NaN passes where `missing`."""
    kind = array.dtype.kind
    if kind in "OUS":
        row = first_odd(cells := array.tolist())
        raise odd_cell(cells[row], Place(row, column), name)
    if kind not in "biuf":
        what = {"c": "complex numbers", "M": "dates", "m": "time spans"}.get(kind, str(array.dtype))
        raise DataError(name, "real numbers", what, Place(column=column))
    if finite and kind == "f" and not (good := np.isfinite(array) | (np.isnan(array) & missing)).all():
        row, count = int(good.argmin()), int((~good).sum())
        way_out = (
            f"{count} value{'s' * (count > 1)} of that column {'are' if count > 1 else 'is'} missing or not "
            "finite: fill it, or leave the row out"
        )
        raise DataError(name, "finite numbers", str(array[row]), Place(row, column), way_out)


def check_range(array: np.ndarray, dtype: np.dtype, name: str, column: int | str) -> None:
    """Whether `dtype` holds every value, so that none becomes infinite or another in silence."""
    if np.can_cast(array.dtype, dtype):
        return
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    outside = (array < limits.min) | (array > limits.max)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(name, f"numbers that fit into {dtype}", str(array[row]), Place(row, column), _DIVIDE)


def first_odd(cells: list[Any]) -> int:
    """The place of the first cell that does not read as a number; the first of all where each does."""
    return next((i for i, cell in enumerate(cells) if not NUMBER.fullmatch(_text(cell))), 0)


def odd_cell(cell: Any, place: Place, name: str) -> DataError:
    """The error about a cell that is no number."""
    text = repr(cell)
    text = text if len(text) <= 40 else f"{text[:36]} …{text[-1]}"
    kind = "" if cell is None or isinstance(cell, str | bytes) else f" ({type(cell).__name__})"
    way_out = "make the whole column numbers, or leave it out"
    return DataError(name, "numbers", f"{text}{kind}", place, way_out)


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(int(cell))
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
