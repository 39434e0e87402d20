"""Tables in memory: arrays, lists, the data frames of pandas, polars and pyarrow, as rows of numbers."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from lowerbound.data.rows import as_rows

__all__ = ["NUMBER", "Columns", "as_table", "from_arrow", "stack"]

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


class Columns(NamedTuple):
    """Columns of one length, each in its own type, and their names where they have any."""

    arrays: list[np.ndarray]
    names: tuple[str, ...] | None


def as_table(x: Any, name: str = "x", *, missing: bool = False) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """`x` as rows, in the types of `as_rows`, and the names of its columns, None where they have none.

    `x` is an array, nested lists, or a data frame of pandas, polars or pyarrow, whose index is not data.
    With `missing`, NaN (an empty cell of a data frame) stands for a value that was not observed.

    **Raises:** `TypeError` for anything but numbers and for a sparse matrix; `ValueError` for another shape,
    no rows, and missing or infinite numbers; both name the column, and the first row counted from 0.

    >>> import pyarrow
    >>> as_table(pyarrow.table({"height": [1.5, 1.75], "age": [30, 40]}))
    (array([[ 1.5 , 30.  ],
            [ 1.75, 40.  ]], dtype=float32), ('height', 'age'))
    >>> as_table(pyarrow.table({"height": [1.5, None]}))
    Traceback (most recent call last):
    ...
    ValueError: x: expected finite numbers, found nan in row 1, column 'height' (1 value of that column is \
missing or not finite); fill it, or leave the row out
    """
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        gigabytes = x.shape[0] * x.shape[1] * x.dtype.itemsize / 1e9
        raise TypeError(
            f"{name}: expected a dense table, found a sparse one of {x.shape[0]} × {x.shape[1]}; hand in "
            f"x.toarray(), which takes {gigabytes:.3g} GB of memory"
        )
    columns = _columns(x)
    if columns is not None:
        return stack(columns, name, missing=missing), columns.names
    array = _array(x, name)
    if array.ndim == 2 and array.size and array.dtype.kind in "OUS":
        row, column = divmod(_first_odd(cells := array.ravel().tolist()), array.shape[1])
        raise _odd(cells[row * array.shape[1] + column], f"row {row}, column {column}", name)
    return as_rows(array, name, missing=missing), None


def stack(columns: Columns, name: str, *, missing: bool = False) -> np.ndarray:
    """Columns side by side, in the one type of `as_rows` that holds them all; `name` is for errors."""
    arrays, names = columns
    if not arrays or not len(arrays[0]):
        raise ValueError(f"{name}: expected at least one row, found none (columns: {len(arrays)})")
    if names and len(set(names)) < len(names):
        twice = next(label for j, label in enumerate(names) if label in names[:j])
        raise ValueError(f"{name}: expected names that differ, found {twice!r} for two columns; rename one")
    labels = names or range(len(arrays))
    for label, array in zip(labels, arrays, strict=True):
        _check_numbers(array, name, f"column {label!r}", missing)
    dtype = np.result_type(*arrays).newbyteorder("=")
    if dtype.itemsize > 4:
        dtype = np.dtype("float32" if dtype.kind == "f" else "int32")
    table = np.empty((len(arrays[0]), len(arrays)), dtype)
    for j, (label, array) in enumerate(zip(labels, arrays, strict=True)):
        _check_range(array, dtype, name, f"column {label!r}")
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
        raise ValueError(f"{name}: expected every value, found a masked one at ({place}); fill it")
    try:
        return np.asarray(x)
    except ValueError:
        lengths = [len(row) if hasattr(row, "__len__") else 1 for row in x]
        row = next((i for i, length in enumerate(lengths) if length != lengths[0]), 0)
        raise ValueError(
            f"{name}: expected rows of one length, found {lengths[0]} values in row 0 and {lengths[row]} in "
            f"row {row}"
        ) from None


def _check_numbers(array: np.ndarray, name: str, column: str, missing: bool) -> None:
    kind = array.dtype.kind
    if kind in "OUS":
        row = _first_odd(cells := array.tolist())
        raise _odd(cells[row], f"row {row}, {column}", name)
    if kind not in "biuf":
        what = {"c": "complex numbers", "M": "dates", "m": "time spans"}.get(kind, str(array.dtype))
        raise TypeError(f"{name}: expected real numbers, found {what} in {column}")
    if kind == "f" and not (finite := np.isfinite(array) | (np.isnan(array) & missing)).all():
        row, count = int(finite.argmin()), int((~finite).sum())
        raise ValueError(
            f"{name}: expected finite numbers, found {array[row]} in row {row}, {column} ({count} "
            f"value{'s' * (count > 1)} of that column {'are' if count > 1 else 'is'} missing or not finite); "
            "fill it, or leave the row out"
        )


def _check_range(array: np.ndarray, dtype: np.dtype, name: str, column: str) -> None:
    """Whether `dtype` holds every value, so that none becomes infinite or another in silence."""
    if np.can_cast(array.dtype, dtype):
        return
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    outside = (array < limits.min) | (array > limits.max)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"{name}: expected numbers that fit into {dtype}, found {array[row]} in row {row}, {column}; "
            "divide the column by a unit, or leave it out (identifiers are not data)"
        )


def _first_odd(cells: list[Any]) -> int:
    """The place of the first cell that does not read as a number; the first of all where each does."""
    return next((i for i, cell in enumerate(cells) if not NUMBER.fullmatch(_text(cell))), 0)


def _odd(cell: Any, place: str, name: str) -> TypeError:
    text = repr(cell)
    text = text if len(text) <= 40 else f"{text[:36]} …{text[-1]}"
    kind = "" if cell is None or isinstance(cell, str | bytes) else f" ({type(cell).__name__})"
    return TypeError(
        f"{name}: expected numbers, found {text}{kind} in {place}; make the whole column numbers, or "
        "leave it out"
    )


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(int(cell))
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
