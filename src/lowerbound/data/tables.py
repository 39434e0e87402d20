"""Tables in memory: arrays, lists, the data frames of pandas, polars and pyarrow, as rows of numbers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lowerbound.data.declared import Declared, as_arrow, as_pandas, as_polars, of_arrow, of_pandas, of_polars
from lowerbound.data.errors import DataError, Place
from lowerbound.data.numbers import as_rows, check_column, check_range, check_shape, first_odd, odd_cell
from lowerbound.data.settled import settled_objects
from lowerbound.data.sparse import dense

__all__ = [
    "FORMS",
    "Columns",
    "as_table",
    "columns_of",
    "frame_columns",
    "from_arrow",
    "in_order",
    "matrix",
    "stack",
    "table_like",
]


# The kinds of table that rows come in, and are given back as.
FORMS = ("array", "pyarrow", "pandas", "polars")


@dataclass(frozen=True)
class Columns:
    """Columns of one length, each in its own type, their names where they have any, the `form` of the table
    that they are of, and `notes`: what was decided when they were read that a person should know. Those of an
    array are the rows of its transpose, and share its memory. `declared` is what the table's own types say of
    the columns beyond NumPy's, one each or none at all."""

    arrays: np.ndarray | Sequence[np.ndarray]
    names: tuple[str, ...] | None
    form: str = "array"
    notes: tuple[str, ...] = ()
    declared: tuple[Declared | None, ...] = ()

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
        declared = self.declared and tuple(self.declared[j] for j in places)
        return replace(self, arrays=taken, names=names, declared=declared)

    def of_rows(self, rows: Any) -> Columns:
        """The same columns of some rows, by their numbers, a slice or truth values."""
        arrays = self.arrays
        taken = arrays[:, rows] if isinstance(arrays, np.ndarray) else [array[rows] for array in arrays]
        return replace(self, arrays=taken)


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
        return Columns([settled_objects(x[column]) for column in x.dtype.names], x.dtype.names, "pyarrow")
    if isinstance(x, list) and x and all(isinstance(row, dict) for row in x):
        return _of_records(x)
    columns = frame_columns(x)
    if columns is not None:
        return columns
    array = _array(x, name)
    if array.ndim == 2 and array.size and array.dtype.kind in "OUS":
        row, column = divmod(first_odd(cells := array.ravel().tolist()), array.shape[1])
        raise odd_cell(cells[row * array.shape[1] + column], Place(row, column), name)
    check_shape(array, name)
    return Columns(array.T, None)


def _of_records(rows: Sequence[dict[str, Any]]) -> Columns:
    """The columns of records by name; what a record does not have is missing."""
    names = dict.fromkeys(str(name) for row in rows for name in row)
    arrays = []
    for name in names:
        cells = np.empty(len(rows), object)
        cells[:] = [row.get(name) for row in rows]
        arrays.append(settled_objects(cells))
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
    taken = read.taken([*map(read.names.index, names)])
    return table_like(read.form, names, [*taken.arrays], taken.declared)


def table_like(
    form: str, names: Sequence[str], arrays: Sequence[np.ndarray], declared: Sequence[Declared | None] = ()
) -> Any:
    """Columns as a table of a form: `array`, `pyarrow`, `pandas` or `polars`, of the types that are declared
    of them, one each or none at all."""
    if form == "array":
        return np.stack(arrays, axis=1)
    own = declared or [None] * len(names)
    make, typed = {
        "pyarrow": (_arrow_table, as_arrow),
        "pandas": (_pandas_frame, as_pandas),
        "polars": (_polars_frame, as_polars),
    }[form]
    return make({name: typed(array, each) for name, array, each in zip(names, arrays, own, strict=True)})


def _arrow_table(columns: dict[str, Any]) -> Any:
    return importlib.import_module("pyarrow").table(columns)


def _pandas_frame(columns: dict[str, Any]) -> Any:
    return importlib.import_module("pandas").DataFrame(columns)


def _polars_frame(columns: dict[str, Any]) -> Any:
    return importlib.import_module("polars").DataFrame(columns)


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
        check_range(array, dtype, name, label)
        table[:, j] = array
    return table


def from_arrow(table: Any) -> Columns:
    """The columns of a pyarrow table; decimals as float64."""
    return _of_columns(map(of_arrow, table.columns), tuple(table.column_names), "pyarrow")


def _of_columns(
    found: Iterator[tuple[np.ndarray, Declared | None]], names: tuple[str, ...] | None, form: str
) -> Columns:
    pairs = [(settled_objects(array), declared) for array, declared in found]
    declared = tuple(each for _, each in pairs)
    return Columns([array for array, _ in pairs], names, form, declared=declared if any(declared) else ())


def frame_columns(x: Any) -> Columns | None:
    """The columns of a data frame, None of anything else; told by its methods, so that no library is
    imported for it."""
    if hasattr(x, "column_names"):  # pyarrow
        return from_arrow(x)
    if hasattr(x, "collect") and hasattr(x, "collect_schema"):  # polars, lazy
        x = x.collect()
    if hasattr(x, "get_columns"):  # polars
        return _of_columns(map(of_polars, x.get_columns()), tuple(x.columns), "polars")
    if hasattr(x, "iloc") and hasattr(x, "items") and hasattr(x, "columns"):  # pandas
        return _of_columns((of_pandas(column) for _, column in x.items()), _names_of(x.columns), "pandas")
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
