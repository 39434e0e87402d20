"""Tables in memory: arrays, lists, the data frames of pandas, polars and pyarrow, as rows of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lowerbound.data.errors import DataError, Place

__all__ = ["NUMBER", "Columns", "as_rows", "as_table", "blocks", "from_arrow", "stack"]

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class Columns(NamedTuple):
    """Columns of one length, each in its own type, and their names where they have any."""

    arrays: list[np.ndarray]
    names: tuple[str, ...] | None


def as_rows(x: Any, name: str = "x", *, missing: bool = False) -> np.ndarray:
    """`x` as an array of shape (n, d) in a type of its own that a device has. With `missing`, NaN stands
    for a value that was not observed.

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
    if x.dtype.kind not in "biuf":
        kind = {"O": "Python objects", "U": "text", "S": "bytes", "c": "complex numbers"}
        raise DataError(name, "an array of real numbers", kind.get(x.dtype.kind, str(x.dtype)))
    if x.ndim != 2:
        way_out = "flatten images with x.reshape(len(x), -1)" if x.ndim > 2 else ""
        raise DataError(name, "rows, an array of shape (n, d)", f"shape {x.shape}", way_out=way_out)
    if 0 in x.shape:
        raise DataError(name, "at least one row and one column", f"shape {x.shape}")
    if x.dtype.kind == "f":
        _check_finite(x, name, missing)
        return x.astype(x.dtype.newbyteorder("=") if x.dtype.itemsize <= 4 else np.float32, copy=False)
    if x.dtype.itemsize == 8:
        limits = np.iinfo(np.int32)
        if x.min() < limits.min or x.max() > limits.max:
            row, column = np.argwhere((x < limits.min) | (x > limits.max))[0].tolist()
            found = str(x[row, column])
            raise DataError(name, "whole numbers that fit into 32 bits", found, Place(row, column), _DIVIDE)
        return x.astype(np.int32)
    return x.astype(x.dtype.newbyteorder("="), copy=False)


_DIVIDE = "divide the column by a unit, or leave it out (identifiers are not data)"


def _check_finite(x: np.ndarray, name: str, missing: bool) -> None:
    """Whether all values are finite as float32, in one look at each block; NaN passes where `missing`."""
    least, greatest = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
    largest = np.finfo(np.float32).max

    def fits(block: np.ndarray) -> bool:
        low, high = least.reduce(block, axis=None), greatest.reduce(block, axis=None)
        return bool((low >= -largest) & (high <= largest)) or bool(missing and np.isnan(low))

    if all(map(fits, blocks(x))):
        return
    finite = ~np.isinf(x) if missing else np.isfinite(x)
    if finite.all():
        row, column = np.argwhere(np.abs(x) > largest)[0].tolist()
        found = str(x[row, column])
        raise DataError(name, "numbers that fit into float32", found, Place(row, column), _DIVIDE)
    (row, column), count = np.argwhere(~finite)[0].tolist(), int((~finite).sum())
    way_out = f"{count} value{'s' * (count > 1)} in all {'are' if count > 1 else 'is'} missing or not finite"
    raise DataError(name, "finite numbers", str(x[row, column]), Place(row, column), way_out)


def blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """A few rows at a time, which stay in a cache between two looks at them."""
    step = max(1, 65536 // x.shape[1])
    return (x[first : first + step] for first in range(0, len(x), step))


def as_table(x: Any, name: str = "x", *, missing: bool = False) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """`x` as rows, in the types of `as_rows`, and the names of its columns, None where they have none.

    `x` is an array, nested lists, or a data frame of pandas, polars or pyarrow, whose index is not data.
    With `missing`, NaN (an empty cell of a data frame) stands for a value that was not observed.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything but numbers, a sparse matrix,
    another shape, no rows, and missing or infinite numbers; it names the column, and the first row counted
    from 0.

    >>> import pyarrow
    >>> as_table(pyarrow.table({"height": [1.5, 1.75], "age": [30, 40]}))
    (array([[ 1.5 , 30.  ],
            [ 1.75, 40.  ]], dtype=float32), ('height', 'age'))
    >>> as_table(pyarrow.table({"height": [1.5, None]}))
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x: expected finite numbers, found nan in row 1, column 'height'; \
1 value of that column is missing or not finite: fill it, or leave the row out
    """
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        gigabytes = x.shape[0] * x.shape[1] * x.dtype.itemsize / 1e9
        found = f"a sparse one of {x.shape[0]} × {x.shape[1]}"
        way_out = f"hand in x.toarray(), which takes {gigabytes:.3g} GB of memory"
        raise DataError(name, "a dense table", found, way_out=way_out)
    columns = _columns(x)
    if columns is not None:
        return stack(columns, name, missing=missing), columns.names
    array = _array(x, name)
    if array.ndim == 2 and array.size and array.dtype.kind in "OUS":
        row, column = divmod(_first_odd(cells := array.ravel().tolist()), array.shape[1])
        raise _odd(cells[row * array.shape[1] + column], Place(row, column), name)
    return as_rows(array, name, missing=missing), None


def stack(columns: Columns, name: str, *, missing: bool = False) -> np.ndarray:
    """Columns side by side, in the one type of `as_rows` that holds them all; `name` is for errors."""
    arrays, names = columns
    if not arrays or not len(arrays[0]):
        raise DataError(name, "at least one row", f"none (columns: {len(arrays)})")
    if names and len(set(names)) < len(names):
        twice = next(label for j, label in enumerate(names) if label in names[:j])
        raise DataError(name, "names that differ", f"{twice!r} for two columns", way_out="rename one")
    labels: Sequence[int | str] = names or range(len(arrays))
    for label, array in zip(labels, arrays, strict=True):
        _check_numbers(array, name, label, missing)
    dtype = np.result_type(*arrays).newbyteorder("=")
    if dtype.itemsize > 4:
        dtype = np.dtype("float32" if dtype.kind == "f" else "int32")
    table = np.empty((len(arrays[0]), len(arrays)), dtype)
    for j, (label, array) in enumerate(zip(labels, arrays, strict=True)):
        _check_range(array, dtype, name, label)
        table[:, j] = array
    return table


def from_arrow(table: Any) -> Columns:
    """The columns of a pyarrow table; decimals as float64."""
    columns = [c.cast("float64") if str(c.type).startswith("decimal") else c for c in table.columns]
    return Columns([np.asarray(column) for column in columns], tuple(table.column_names))


def _columns(x: Any) -> Columns | None:
    """The columns of a data frame, None of anything else; told by its methods, so that no library is
    imported for it."""
    if hasattr(x, "column_names"):  # pyarrow
        return from_arrow(x)
    if hasattr(x, "get_columns"):  # polars
        return Columns([np.asarray(column) for column in x.get_columns()], tuple(x.columns))
    if hasattr(x, "iloc") and hasattr(x, "items") and hasattr(x, "columns"):  # pandas
        names = tuple(x.columns)
        named = all(isinstance(name, str) for name in names)
        return Columns([np.asarray(column) for _, column in x.items()], names if named else None)
    return None


def _array(x: Any, name: str) -> np.ndarray:
    if np.ma.is_masked(x):
        place = ", ".join(map(str, np.argwhere(np.ma.getmaskarray(x))[0]))
        raise DataError(name, "every value", f"a masked one at ({place})", way_out="fill it")
    try:
        return np.asarray(x)
    except ValueError:
        lengths = [len(row) if hasattr(row, "__len__") else 1 for row in x]
        row = next((i for i, length in enumerate(lengths) if length != lengths[0]), 0)
        found = f"{lengths[0]} values in row 0 and {lengths[row]}"
        raise DataError(name, "rows of one length", found, Place(row)) from None


def _check_numbers(array: np.ndarray, name: str, column: int | str, missing: bool) -> None:
    kind = array.dtype.kind
    if kind in "OUS":
        row = _first_odd(cells := array.tolist())
        raise _odd(cells[row], Place(row, column), name)
    if kind not in "biuf":
        what = {"c": "complex numbers", "M": "dates", "m": "time spans"}.get(kind, str(array.dtype))
        raise DataError(name, "real numbers", what, Place(column=column))
    if kind == "f" and not (finite := np.isfinite(array) | (np.isnan(array) & missing)).all():
        row, count = int(finite.argmin()), int((~finite).sum())
        way_out = (
            f"{count} value{'s' * (count > 1)} of that column {'are' if count > 1 else 'is'} missing or not "
            "finite: fill it, or leave the row out"
        )
        raise DataError(name, "finite numbers", str(array[row]), Place(row, column), way_out)


def _check_range(array: np.ndarray, dtype: np.dtype, name: str, column: int | str) -> None:
    """Whether `dtype` holds every value, so that none becomes infinite or another in silence."""
    if np.can_cast(array.dtype, dtype):
        return
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    outside = (array < limits.min) | (array > limits.max)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(name, f"numbers that fit into {dtype}", str(array[row]), Place(row, column), _DIVIDE)


def _first_odd(cells: list[Any]) -> int:
    """The place of the first cell that does not read as a number; the first of all where each does."""
    return next((i for i, cell in enumerate(cells) if not NUMBER.fullmatch(_text(cell))), 0)


def _odd(cell: Any, place: Place, name: str) -> DataError:
    text = repr(cell)
    text = text if len(text) <= 40 else f"{text[:36]} …{text[-1]}"
    kind = "" if cell is None or isinstance(cell, str | bytes) else f" ({type(cell).__name__})"
    way_out = "make the whole column numbers, or leave it out"
    return DataError(name, "numbers", f"{text}{kind}", place, way_out)


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(int(cell))
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
