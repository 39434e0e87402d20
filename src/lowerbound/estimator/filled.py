"""Frames of pandas, polars and pyarrow with other values in some cells: the rest is the frame's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

__all__ = ["filled_frame", "indexed"]


def filled_frame(
    frame: Any, form: str, places: Sequence[int], columns: Sequence[np.ndarray], holes: Sequence[np.ndarray]
) -> Any:
    """The columns of `frame` at these places, with what `columns` hold where there are `holes`. Other cells,
    names, index, and, where it can hold what is filled in, each column's own type are as they were: a
    category is a category still, and a count whose mean is no count becomes a real number.

    >>> import pyarrow
    >>> frame = pyarrow.table({"n": pyarrow.array([1, None], "int8"), "who": ["a", "b"]})
    >>> one, none = np.array([False, True]), np.zeros(2, bool)
    >>> filled = filled_frame(frame, "pyarrow", [0, 1], [np.array([1.0, 2.0]), np.array([])], [one, none])
    >>> filled["n"].to_pylist(), str(filled.schema.field("n").type)
    ([1, 2], 'int8')
    """
    filler: Callable[..., Any] = {"pandas": _pandas, "polars": _polars, "pyarrow": _pyarrow}[form]
    return filler(frame, places, columns, holes)


def indexed(table: Any, like: Any) -> Any:
    """A table whose rows are those of `like`, with its index, where both are frames of pandas."""
    both = all(hasattr(x, "iloc") and hasattr(x, "index") for x in (table, like))
    return table.set_axis(like.index) if both else table


def _pandas(frame: Any, places: Any, columns: Any, holes: Any) -> Any:
    library = importlib.import_module("pandas")
    chosen = frame.iloc[:, [*places]].copy()
    for place, (column, hole) in enumerate(zip(columns, holes, strict=True)):
        if not hole.any():
            continue
        old, new = chosen.iloc[:, place], library.Series(column, index=chosen.index)
        with suppress(TypeError, ValueError):  # of a type that cannot hold it
            new = new.astype(old.dtype) if str(old.dtype).startswith("float") else new
            new = old.where(~hole, new).infer_objects()
        chosen.isetitem(place, new)
    return chosen


def _polars(frame: Any, places: Any, columns: Any, holes: Any) -> Any:
    library = importlib.import_module("polars")
    frame = frame.collect() if hasattr(frame, "collect") else frame
    chosen = frame[:, [*places]]
    for place, (column, hole) in enumerate(zip(columns, holes, strict=True)):
        if not hole.any():
            continue
        old, new = chosen.to_series(place), library.Series(column.tolist(), strict=False)
        if not (old.dtype.is_integer() and np.mod(column, 1).any()):
            with suppress(library.exceptions.PolarsError):  # of a type that cannot hold it
                new = old.zip_with(library.Series(~hole), new.cast(old.dtype))
        chosen = chosen.with_columns(new.alias(old.name))
    return chosen


def _pyarrow(frame: Any, places: Any, columns: Any, holes: Any) -> Any:
    library, compute = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.compute")
    chosen = frame.select([*places])
    for place, (column, hole) in enumerate(zip(columns, holes, strict=True)):
        if not hole.any():
            continue
        field = chosen.field(place)
        new = library.array(column, from_pandas=True)
        with suppress(library.ArrowException, TypeError):  # of a type that cannot hold it
            new = compute.if_else(library.array(hole), new.cast(field.type), chosen.column(place))
        chosen = chosen.set_column(place, field.name, new)
    return chosen
