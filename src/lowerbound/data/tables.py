"""Tables in memory: arrays, lists, the data frames of pandas, polars and pyarrow, as rows of numbers."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lowerbound.data.errors import DataError, Place
from lowerbound.data.sparse import dense

__all__ = [
    "NUMBER",
    "Columns",
    "as_rows",
    "as_table",
    "blocks",
    "check_column",
    "check_finite",
    "check_shape",
    "columns_of",
    "frame_columns",
    "from_arrow",
    "in_order",
    "matrix",
    "stack",
    "table_like",
]

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Columns:
    """Columns of one length, each in its own type, their names where they have any, the `form` of the table
    that they are of, and `notes`: what was decided when they were read that a person should know. Those of an
    array are the rows of its transpose, and share its memory."""

    arrays: np.ndarray | Sequence[np.ndarray]
    names: tuple[str, ...] | None
    form: str = "array"
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many there are."""
        return len(self.arrays)

    @property
    def length(self) -> int:
        """How many rows there are."""
        return len(self.arrays[0]) if len(self.arrays) else 0

    def place(self, label: str, name: str = "x") -> int:
        """The number of the column called `label`, of data called `name`."""
        names = self.names or ()
        if names.count(label) != 1:
            found = f"{names.count(label)}" if label in names else "none"
            raise DataError(name, f"one column {label!r}", found, way_out="rename the others")
        return names.index(label)

    def taken(self, places: Sequence[int]) -> Columns:
        """Some of the columns, in another order."""
        if list(places) == list(range(self.width)):
            return self
        arrays = self.arrays
        taken = arrays[list(places)] if isinstance(arrays, np.ndarray) else [arrays[j] for j in places]
        names = self.names and tuple(self.names[j] for j in places)
        return replace(self, arrays=taken, names=names)


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
    read = columns_of(x, name)
    return matrix(read, name, missing=missing), read.names


def columns_of(x: Any, name: str = "x") -> Columns:
    """The columns of an array, a structured one too, of nested lists, of a list of records by name, of a
    sparse matrix, or of a data frame of pandas, polars or pyarrow. What is masked is NaN.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for text in an array, for another shape than
    (n, d), and for a sparse matrix that takes more than 1.07 GB when it is dense.

    >>> columns_of([[1, 2], [3, 4]]).arrays.tolist()
    [[1, 3], [2, 4]]
    """
    if isinstance(x, Columns):
        return x
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        return Columns(dense(x, name).T, None)
    if isinstance(x, np.ndarray) and x.dtype.names is not None:
        return Columns([_settled(x[column]) for column in x.dtype.names], x.dtype.names, "pyarrow")
    if isinstance(x, list) and x and all(isinstance(row, dict) for row in x):
        return _of_records(x)
    columns = frame_columns(x)
    if columns is not None:
        return columns
    array = _array(x, name)
    if array.ndim == 2 and array.size and array.dtype.kind in "OUS":
        row, column = divmod(_first_odd(cells := array.ravel().tolist()), array.shape[1])
        raise _odd(cells[row * array.shape[1] + column], Place(row, column), name)
    check_shape(array, name)
    return Columns(array.T, None)


def _of_records(rows: Sequence[dict[str, Any]]) -> Columns:
    """The columns of records by name; what a record does not have is missing."""
    names = dict.fromkeys(str(name) for row in rows for name in row)
    arrays = []
    for name in names:
        cells = np.empty(len(rows), object)
        cells[:] = [row.get(name) for row in rows]
        arrays.append(_settled(cells))
    return Columns(arrays, tuple(names), "pyarrow")


def matrix(read: Columns, name: str, *, missing: bool = False, looked_at: bool = False) -> np.ndarray:
    """Columns as rows, (n, d), in the types of [`as_rows`][]; `name` is for errors."""
    if isinstance(read.arrays, np.ndarray):
        return as_rows(read.arrays.T, name, missing=missing, looked_at=looked_at)
    return stack(read, name, missing=missing, looked_at=looked_at)


def in_order(x: Any, names: Sequence[str]) -> Any:
    """A data frame with its columns in the order of `names`; anything else, and a frame of other names, as it
    is.

    >>> import pyarrow
    >>> in_order(pyarrow.table({"a": [1], "b": [2]}), ("b", "a")).column_names
    ['b', 'a']
    """
    read = columns_of(x, "x")
    if read.names is None or sorted(read.names) != sorted(names):
        return x
    return table_like(read.form, names, [*read.taken([*map(read.names.index, names)]).arrays])


def table_like(form: str, names: Sequence[str], arrays: Sequence[np.ndarray]) -> Any:
    """Columns as a table of a form: `array`, `pyarrow`, `pandas` or `polars`."""
    if form == "array":
        return np.stack(arrays, axis=1)
    library = importlib.import_module(form)
    make = library.table if form == "pyarrow" else library.DataFrame
    return make(dict(zip(names, arrays, strict=True)))


def stack(columns: Columns, name: str, *, missing: bool = False, looked_at: bool = False) -> np.ndarray:
    """Columns side by side, in the one type of `as_rows` that holds them all; `name` is for errors, and
    `looked_at` says that the values are known to be finite numbers."""
    arrays, names = columns.arrays, columns.names
    if not len(arrays) or not len(arrays[0]):
        raise DataError(name, "at least one row", f"none (columns: {len(arrays)})")
    if names and len(set(names)) < len(names):
        twice = next(label for j, label in enumerate(names) if label in names[:j])
        raise DataError(name, "names that differ", f"{twice!r} for two columns", way_out="rename one")
    labels: Sequence[int | str] = names or range(len(arrays))
    for label, array in zip(labels, arrays, strict=True):
        check_column(array, name, label, missing, finite=not looked_at)
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
    columns = [c.cast("float64") if str(c.type).startswith(("decimal", "null")) else c for c in table.columns]
    # NumPy's view of a dictionary takes the first level for what is missing.
    columns = [c.cast(c.type.value_type) if str(c.type).startswith("dictionary") else c for c in columns]
    arrays = [_settled(np.asarray(column)) for column in columns]
    return Columns(arrays, tuple(table.column_names), "pyarrow")


def _settled(array: np.ndarray) -> np.ndarray:
    """A frame's column of objects as what they are: truth values and numbers with holes are floats, text is
    text, with None where it is missing; anything else as it is, to be refused."""
    if array.dtype.kind in "US":
        array = array.astype(object)
    if array.dtype.kind != "O":
        return array
    cells = [None if _is_missing(cell) else cell for cell in array.tolist()]
    if all(cell is None or isinstance(cell, bool | int | float | np.number | np.bool_) for cell in cells):
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    settled = np.empty(len(cells), object)
    settled[:] = cells
    return settled


def _is_missing(cell: Any) -> bool:
    """None, NaN, NaT, and what pandas calls NA, which equals nothing and is no truth value."""
    return cell is None or type(cell).__name__ == "NAType" or (isinstance(cell, float) and cell != cell)


def frame_columns(x: Any) -> Columns | None:
    """The columns of a data frame, None of anything else; told by its methods, so that no library is
    imported for it."""
    if hasattr(x, "column_names"):  # pyarrow
        return from_arrow(x)
    if hasattr(x, "collect") and hasattr(x, "collect_schema"):  # polars, lazy
        x = x.collect()
    if hasattr(x, "get_columns"):  # polars
        arrays = [_settled(np.asarray(column)) for column in x.get_columns()]
        return Columns(arrays, tuple(x.columns), "polars")
    if hasattr(x, "iloc") and hasattr(x, "items") and hasattr(x, "columns"):  # pandas
        arrays = [_settled(np.asarray(column)) for _, column in x.items()]
        return Columns(arrays, _names_of(x.columns), "pandas")
    return None


def _names_of(labels: Any) -> tuple[str, ...] | None:
    """The names of a pandas frame's columns: None where they are numbers; a level of several after another,
    with a point between."""
    names = [".".join(filter(None, map(str, n))) if isinstance(n, tuple) else n for n in labels]
    return tuple(map(str, names)) if any(isinstance(name, str) for name in names) else None


def _array(x: Any, name: str) -> np.ndarray:
    if np.ma.is_masked(x) and np.ma.getdata(x).dtype.kind in "biuf":
        return np.ma.filled(np.ma.asarray(x, np.float64), np.nan)
    try:
        return np.asarray(x)
    except ValueError:
        lengths = [len(row) if hasattr(row, "__len__") else 1 for row in x]
        row = next((i for i, length in enumerate(lengths) if length != lengths[0]), 0)
        found = f"{lengths[0]} values in row 0 and {lengths[row]}"
        raise DataError(name, "rows of one length", found, Place(row)) from None


def check_column(
    array: np.ndarray, name: str, column: int | str, missing: bool, *, finite: bool = True
) -> None:
    """Whether a column holds numbers, and, with `finite`, finite ones; NaN passes where `missing`."""
    kind = array.dtype.kind
    if kind in "OUS":
        row = _first_odd(cells := array.tolist())
        raise _odd(cells[row], Place(row, column), name)
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
