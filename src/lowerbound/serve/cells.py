"""The cells of one column in JSON, in and out."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

import numpy as np

from lowerbound.data.columns import Column
from lowerbound.serve.errors import Refused

__all__ = ["cells_of", "json_cells", "kind_of_json"]

_SCALARS: set[type] = {str, int, float, bool, NoneType}
_NUMBERS = {int, float, NoneType}
_TEXTS: set[type] = {str, NoneType}


def kind_of_json(value: Any) -> str:
    """What a value of JSON is, in words, with the value where it is short.

    >>> kind_of_json([1]), kind_of_json(None), kind_of_json("red"), kind_of_json(True)
    ('a list', 'null', "'red'", 'true')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:59]}…")
    return "a record" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)


def cells_of(column: Column, cells: Sequence[Any], place: str) -> np.ndarray:
    """The cells of a column of JSON in a type that its schema takes; null is a missing value.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused] for a value of another type, whose field is the
    row's number and `place`.

    >>> cells_of(Column("born", "date", "datetime64[D]", 0, 9), ["2004-03-10", None], ".born").tolist()
    [datetime.datetime(2004, 3, 10, 0, 0), None]
    >>> cells_of(Column("age", "whole", "int64", 0, 9), [7, "8"], ".age")
    Traceback (most recent call last):
    ...
    lowerbound.serve.errors.Refused: expected a number, found '8' in row 1, column 'age'
    """
    kinds = {*map(type, cells)}
    if kinds == {NoneType}:
        return column.blank(len(cells))
    tokens = column.tokens is not None
    if tokens or column.levels is not None or column.kind in ("identifier", "text", "missing"):
        allowed, expected = (_TEXTS, "text") if tokens else (_SCALARS, "text or a number")
        _check(column, cells, kinds, allowed, expected, place)
        if column.kind == "missing":
            return column.blank(len(cells))
        levels = np.empty(len(cells), object)
        levels[:] = cells
        return levels
    if column.timed:
        return _times(column, cells, kinds, place)
    boolean = column.kind == "bit" or np.dtype(column.dtype).kind == "b"
    _check(column, cells, kinds, _NUMBERS | {bool} if boolean else _NUMBERS, "a number", place)
    # Beyond 2⁵³ only whole numbers keep their digits, and a column of such is kept relative to its least.
    if kinds == {int} and not column.as_it_is:
        try:
            return np.array(cells, np.int64)
        except OverflowError:
            pass
    return np.array(cells, np.float64)


def json_cells(values: np.ndarray, zone: str | None = None) -> list[Any]:
    """A column as JSON has it: dates and times in ISO 8601, in universal time where they have a zone, spans
    in seconds, null where a value is missing or no finite number.

    >>> json_cells(np.array(["2004-03-10", "NaT"], "datetime64[D]")), json_cells(np.array([1.5, np.nan]))
    (['2004-03-10', None], [1.5, None])
    """
    kind = values.dtype.kind
    if kind == "M":
        texts = np.datetime_as_string(values, timezone="UTC" if zone is not None else "naive").tolist()
        return [None if text.startswith("NaT") else text for text in texts]
    if kind == "m":
        seconds = values / np.timedelta64(1, "s")
        return [None if span != span else span for span in seconds.tolist()]
    if kind == "f":
        if np.isfinite(values).all():
            return values.tolist() if values.itemsize == 8 else _short(values)
        return [cell if np.isfinite(cell) else None for cell in values.tolist()]
    if kind == "O":
        return [cell.isoformat() if isinstance(cell, datetime.time) else cell for cell in values.tolist()]
    return values.tolist()


def _short(values: np.ndarray) -> list[float]:
    """float32 by their shortest digits."""
    return [float(str(value)) for value in values]


def _check(
    column: Column, cells: Sequence[Any], kinds: set[type], allowed: set[type], expected: str, place: str
) -> None:
    if kinds <= allowed:
        return
    row = next(i for i, cell in enumerate(cells) if type(cell) not in allowed)
    raise _refused(column, row, cells[row], expected, place)


def _refused(column: Column, row: int, cell: Any, expected: str, place: str) -> Refused:
    found = kind_of_json(cell)
    message = f"expected {expected}, found {found} in row {row}, column {column.name!r}"
    return Refused("wrong_type", message, f"[{row}]{place}", expected, found)


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "date": (datetime.datetime.fromisoformat, "a date such as 2004-03-10 or 2004-03-10T11:34:00"),
    "time": (datetime.time.fromisoformat, "a time of the day such as 11:34"),
}


def _times(column: Column, cells: Sequence[Any], kinds: set[type], place: str) -> np.ndarray:
    """Dates and times of the day from ISO 8601, spans from seconds."""
    kind = column.time or "date"
    if kind == "span":
        _check(column, cells, kinds, _NUMBERS, "a time span in seconds", place)
        seconds = np.array(cells, np.float64)
        holes = np.isnan(seconds) | (np.abs(seconds) > 9e12)
        spans = np.rint(np.where(holes, 0, seconds) * 1e6).astype("timedelta64[us]")
        spans[holes] = "NaT"
        return spans
    parse, expected = _PARSERS[kind]
    found: list[Any] = []
    for row, cell in enumerate(cells):
        try:
            found.append(None if cell is None else _naive(parse(cell)))
        except (ValueError, TypeError, OverflowError):
            raise _refused(column, row, cell, expected, place) from None
    if kind == "date":
        return np.array(found, "datetime64[us]")
    times = np.empty(len(found), object)
    times[:] = found
    return times


def _naive(time: Any) -> Any:
    """A time without its zone, in universal time."""
    if isinstance(time, datetime.datetime) and time.tzinfo is not None:
        return time.astimezone(datetime.UTC).replace(tzinfo=None)
    return time.replace(tzinfo=None)
