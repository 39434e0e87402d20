"""What a table's own type says of a column beyond its NumPy array, in pyarrow, pandas and polars."""

from __future__ import annotations

import datetime
import importlib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Declared",
    *("as_arrow", "as_pandas", "as_polars"),
    *("level_names", "typed_levels"),
    *("of_arrow", "of_pandas", "of_polars"),
]


# The types of pandas for whole numbers that may be missing.
_NULLABLE = re.compile(r"U?Int(8|16|32|64)Dtype")


@dataclass(frozen=True)
class Declared:
    """What a table's own type says of a column: the `levels` of a category as text, in their order, whether
    that is an order of more and less (`ordered`) and which NumPy `dtype` they have; the time `zone` of dates
    with times, whose array is in universal time; and of whole numbers and truth values that may be missing,
    whose array is of floats, their own `dtype`.

    >>> import pyarrow
    >>> array, declared = of_arrow(pyarrow.chunked_array([pyarrow.array(["b", "a"]).dictionary_encode()]))
    >>> array.tolist(), declared.levels
    (['b', 'a'], ('b', 'a'))
    """

    levels: tuple[str, ...] | None = None
    ordered: bool = False
    dtype: str = "object"
    zone: str | None = None

    @property
    def with_holes(self) -> bool:
        """Whether it is of whole numbers or truth values that may be missing."""
        return self.levels is None and self.zone is None

    def holds(self, array: np.ndarray) -> bool:
        """Whether whole numbers, or truth values, of its type can be what an array of numbers holds: means of
        counts are none.

        >>> whole = Declared(dtype="int8")
        >>> whole.holds(np.array([1.0, np.nan])), whole.holds(np.array([0.5])), whole.holds(np.array([300.0]))
        (True, False, False)
        """
        if array.dtype.kind not in "biuf":
            return False
        known = array[~np.isnan(array)] if array.dtype.kind == "f" else array
        own = np.dtype(self.dtype)
        low, high = (0, 1) if own.kind == "b" else (np.iinfo(own).min, np.iinfo(own).max)
        return bool(((known >= low) & (known <= high) & (known == np.floor(known))).all())


def typed_levels(levels: tuple[str, ...], dtype: str) -> np.ndarray:
    """Levels that are text as values of a type: numbers by what they read as."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return np.array([level == "1" for level in levels])
    if kind.kind in "iuf":
        return np.array([kind.type(level) for level in levels], kind)
    return np.array([*levels], object)


def level_names(values: np.ndarray) -> list[str | None]:
    """Each value as the text that its level is called: 1 and 1.0 are '1', True is '1'; None is missing.

    >>> level_names(np.array([2.0, 0.5, np.nan])), level_names(np.array(["a", None], object))
    (['2', '0.5', None], ['a', None])
    """
    if values.dtype.kind in "biuf":
        unique, places = np.unique(values, return_inverse=True)
        names = [_name(value) for value in unique]
        return [names[place] for place in places.tolist()]
    return [None if value is None or value != value else _name(value) for value in values.tolist()]


def _name(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | np.number | np.bool_):
        if value != value:
            return None
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def of_arrow(column: Any) -> tuple[np.ndarray, Declared | None]:
    """A column of a pyarrow table. NumPy's view of a dictionary takes the first level for what is missing, so
    that its values are taken out of it; times of the day are Python's."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if isinstance(column, pa.ChunkedArray):  # of no chunk, or of several dictionaries
            column = column.unify_dictionaries()
            levels = column.chunk(0).dictionary if column.num_chunks else pa.array([], kind.value_type)
        else:
            levels = column.dictionary
        own = np.asarray(levels)
        declared = Declared(tuple(map(str, level_names(own))), kind.ordered, _dtype_of(own))
        return np.asarray(column.cast(kind.value_type)), declared
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return np.asarray(column.cast("float64")), None
    if pa.types.is_date(kind):
        return np.asarray(column).astype("datetime64[D]"), None
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return np.asarray(column), Declared(zone=kind.tz)
    if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return np.asarray(column), Declared(dtype="bool" if pa.types.is_boolean(kind) else str(kind))
    return np.asarray(column), None


def of_pandas(column: Any) -> tuple[np.ndarray, Declared | None]:
    """A column of a pandas frame."""
    name = type(column.dtype).__name__
    if name == "CategoricalDtype":
        own = np.asarray(column.cat.categories)
        names = tuple(map(str, level_names(own)))
        values = np.asarray(column)
        if own.dtype.kind not in "biufUO" or any(
            not isinstance(c, str) for c in own.tolist() if own.dtype.kind == "O"
        ):
            # Intervals, dates: a level is called by its text.
            values = np.array([*names, None], object)[np.asarray(column.cat.codes)]
            return values, Declared(names, bool(column.cat.ordered))
        return values, Declared(names, bool(column.cat.ordered), _dtype_of(own))
    if name == "DatetimeTZDtype":
        zone = str(column.dtype.tz)
        return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None)), Declared(zone=zone)
    if name == "BooleanDtype" or _NULLABLE.fullmatch(name):
        own = np.dtype(column.dtype.numpy_dtype)
        if not column.isna().any():
            return column.to_numpy(own), Declared(dtype=own.name)
        return column.to_numpy(float, na_value=np.nan), Declared(dtype=own.name)
    return np.asarray(column), None


def of_polars(column: Any) -> tuple[np.ndarray, Declared | None]:
    """A series of polars. The levels of its `Enum` have an order, other categories that of the alphabet."""
    polars: Any = importlib.import_module("polars")
    kind = str(column.dtype).split("(")[0]
    if kind == "Enum":
        text = np.array([*column.to_list(), None], object)[:-1]
        return text, Declared(tuple(column.dtype.categories.to_list()), True)
    if column.dtype == polars.Categorical:
        text = np.array([*column.to_list(), None], object)[:-1]
        return text, Declared(tuple(sorted({cell for cell in text.tolist() if cell is not None})))
    if column.null_count() and (column.dtype.is_integer() or kind == "Boolean"):
        return np.array([*column.to_list(), None], object)[:-1], Declared(
            dtype="bool" if kind == "Boolean" else kind.lower()
        )
    if kind == "Time":
        return np.array([*column.to_list(), None], object)[:-1], None
    if kind == "Datetime" and column.dtype.time_zone is not None:
        return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy(), Declared(
            zone=column.dtype.time_zone
        )
    return np.asarray(column), None


def _dtype_of(levels: np.ndarray) -> str:
    return str(levels.dtype) if levels.dtype.kind in "biuf" else "object"


def as_arrow(array: np.ndarray, declared: Declared | None = None) -> Any:
    """A column as pyarrow's. Times of the day are in seconds where that holds them."""
    import pyarrow as pa

    made = pa.array(array, from_pandas=True)
    if pa.types.is_time(made.type):
        try:
            return made.cast(pa.time32("s"))
        except pa.ArrowInvalid:
            return made
    if declared is None:
        return made
    if declared.zone is not None:
        return made.cast(pa.timestamp(made.type.unit, tz=declared.zone))
    if declared.with_holes:
        return made.cast(pa.from_numpy_dtype(declared.dtype)) if declared.holds(array) else made
    codes, levels = _coded(array, declared)
    places = pa.array(codes, pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(places, pa.array(levels), ordered=declared.ordered)


def _coded(array: np.ndarray, declared: Declared) -> tuple[np.ndarray, np.ndarray]:
    """Each value as its place among the levels, −1 of a missing one, and the levels; one that is not declared
    is after the others."""
    names, known = level_names(array), declared.levels or ()
    levels = (*known, *sorted({name for name in names if name is not None}.difference(known)))
    places: dict[str | None, int] = {name: place for place, name in enumerate(levels)}
    return np.array([places.get(name, -1) for name in names], int), typed_levels(levels, declared.dtype)


def as_pandas(array: np.ndarray, declared: Declared | None = None) -> Any:
    """A column as pandas has it; dates without a time, of which it has no type, are Python's."""
    pandas: Any = importlib.import_module("pandas")
    if array.dtype == np.dtype("datetime64[D]"):
        return pandas.Series(array.astype(object), dtype=object)
    if declared is None:
        return array
    if declared.zone is not None:
        return pandas.Series(array).dt.tz_localize("UTC").dt.tz_convert(declared.zone)
    if declared.with_holes:
        own_name = {"bool": "boolean"}.get(declared.dtype, declared.dtype.capitalize().replace("Ui", "UI"))
        return pandas.Series(array).astype(own_name) if declared.holds(array) else array
    codes, levels = _coded(array, declared)
    own = np.array([*levels.tolist(), None], object)[codes]
    return pandas.Series(own, dtype=pandas.CategoricalDtype(levels, declared.ordered))


def as_polars(array: np.ndarray, declared: Declared | None = None) -> Any:
    """A column as polars has it."""
    polars: Any = importlib.import_module("polars")
    if declared is not None and declared.levels is not None:
        codes, levels = _coded(array, declared)
        names = [None if code < 0 else levels[code] for code in codes.tolist()]
        return polars.Series(
            names, dtype=polars.Enum(levels.tolist()) if declared.ordered else polars.Categorical
        )
    if declared is not None and declared.with_holes:
        if not declared.holds(array):
            return array
        cells = [None if cell != cell else cell for cell in array.tolist()]
        own = {"bool": "Boolean"}.get(declared.dtype, declared.dtype.capitalize().replace("Ui", "UI"))
        return polars.Series(cells, strict=False).cast(getattr(polars, own))
    if declared is not None:
        return polars.Series(array).dt.replace_time_zone("UTC").dt.convert_time_zone(declared.zone or "UTC")
    if array.dtype.kind == "O" and any(isinstance(cell, datetime.time) for cell in array.tolist()):
        return polars.Series(array.tolist(), dtype=polars.Time)
    return array
