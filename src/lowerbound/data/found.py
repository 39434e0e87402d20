"""What each column of a table is, found in one look at each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lowerbound.data.columns import Column, Kind
from lowerbound.data.declared import Declared
from lowerbound.data.errors import DataError, Place
from lowerbound.data.kinds import as_kind, of_levels, of_times
from lowerbound.data.numbers import NUMBER, blocks, check_column, check_finite
from lowerbound.data.settled import holes_in, own
from lowerbound.data.tables import Columns
from lowerbound.data.times import kind_of
from lowerbound.data.tokens import Tokens

__all__ = ["found_in", "with_levels"]

# Text of more different values is no category, unless each stands for twenty rows; so many that all differ
# are names.
_TEXT_LEVELS, _NAMES = 64, 20


def found_in(
    read: Columns, name: str, missing: bool, kinds: Mapping[str, str] | None = None
) -> tuple[Column, ...]:
    """What is found in each column, as it is, in one look at each value; `kinds` says it of some by name.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for anything but finite numbers, text and
    times, and for what a kind that is named cannot hold; NaN passes where `missing`.
    """
    if not read.width or not read.length:
        raise DataError(name, "at least one row", f"none (columns: {read.width})")
    labels = read.names or tuple(f"x{j}" for j in range(read.width))
    if isinstance(read.arrays, np.ndarray) and not kinds:
        table = read.arrays.T
        low, high, holes, whole = _looked_at(table, lambda: check_finite(table, name, missing), missing)
        dtypes = [str(table.dtype.newbyteorder("="))] * read.width
        return tuple(map(_column, labels, dtypes, low, high, holes, whole))
    # A table that has text or dates says itself whether values are missing.
    missing = missing or any(array.dtype.kind in "OMm" for array in read.arrays)
    declared = read.declared or (None,) * read.width
    return tuple(
        _in_own_type(
            _found(
                label,
                array,
                own,
                (kinds or {}).get(label),
                missing,
                name,
                place if read.names is None else label,
            ),
            own,
        )
        for place, (label, array, own) in enumerate(zip(labels, read.arrays, declared, strict=True))
    )


def _in_own_type(column: Column, declared: Declared | None) -> Column:
    """A column of whole numbers or truth values that may be missing, with its type in the table."""
    if declared is None or not declared.with_holes or column.levels is not None or not column.numeric:
        return column
    return replace(column, dtype=declared.dtype, declared=True)


def _found(
    label: str,
    array: np.ndarray,
    declared: Declared | None,
    kind: str | None,
    missing: bool,
    name: str,
    told: int | str,
) -> Column:
    """What one column is."""
    if kind is not None:

        def fault(expected: str, row: int) -> DataError:
            cell = own(array[row])
            another = "date" if kind in ("category", "ordered") else "category"
            way_out = f"the kind {kind!r} cannot hold it: name another, such as {another}, or mend the cell"
            return DataError(name, expected, repr(cell), Place(row, told), way_out)

        return as_kind(label, array, kind, declared, fault)
    times = kind_of(array)
    if times is not None:
        return of_times(label, array, times, declared)
    if declared is not None and declared.levels is not None:
        column = of_levels(label, array, declared)
        names = len(declared.levels) > max(_TEXT_LEVELS, len(array) / 20)  # a dictionary of any text
        if column.ordered or not (names and array.dtype.kind == "O"):
            return column
    if array.dtype.kind == "O":
        return _of_text(label, array, name, told)
    check_column(array, name, told, missing, finite=False)
    check = partial(check_column, array, name, told, missing)
    low, high, holes, whole = _looked_at(array[:, None], check, missing)
    return _column(label, str(array.dtype.newbyteorder("=")), low[0], high[0], holes[0], whole[0])


def with_levels(
    found: Sequence[Column], said: Sequence[Column], read: Columns, name: str
) -> tuple[Column, ...]:
    """What was found, with the levels, and the order of them, that `said` says of categories by name, and the
    vocabulary and the longest length of tokens.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a value that is none of these levels.
    """
    levels = {column.name: column for column in said if column.levels is not None}
    tokens = {column.name: column.tokens for column in said if column.tokens is not None}

    def settled(column: Column, values: np.ndarray) -> Column:
        if column.levels is not None and column.name in levels:
            return _leveled(column, levels[column.name], values, name)
        if column.tokens is not None and column.name in tokens:
            return _tokened(column, tokens[column.name], values, name)
        return column

    return tuple(settled(column, values) for column, values in zip(found, read.arrays, strict=True))


def _leveled(column: Column, said: Column, values: np.ndarray, name: str) -> Column:
    levels = said.levels or ()
    kind: Kind = "constant" if len(levels) == 1 else "category"
    new = replace(column, kind=kind, levels=levels, ordered=said.ordered, high=len(levels) - 1)
    if (unseen := new.unseen(values)).any():
        row = int(unseen.argmax())
        way_out = "add it to the levels of the schema, or make them null to be found"
        expected = f"one of the {len(levels)} levels that the schema says"
        raise DataError(name, expected, repr(own(values[row])), Place(row, column.name), way_out)
    return new


def _tokened(column: Column, said: Tokens, values: np.ndarray, name: str) -> Column:
    if (odd := said.outside(values)).any():
        row = int(odd.argmax())
        expected = said.fault(str(values[row])) or ""
        way_out = "write it into the schema: the vocabulary or the length of its tokens"
        raise DataError(name, expected, repr(own(values[row])), Place(row, column.name), way_out)
    return replace(column, tokens=said)


def _looked_at(table: np.ndarray, check: Any, missing: bool) -> tuple[np.ndarray, ...]:
    """The least and the greatest value of each column, how many are missing, and whether all are whole; a
    table whose values are not all finite is handed to `check`, which names the place."""
    real = table.dtype.kind == "f"
    low: list[np.ndarray] = []
    high: list[np.ndarray] = []
    holes, whole = np.zeros(table.shape[1], int), np.ones(table.shape[1], bool)
    for block in blocks(table):
        low.append(np.fmin.reduce(block, axis=0))
        high.append(np.fmax.reduce(block, axis=0))
        if real:
            holes += np.isnan(block).sum(0)
            with np.errstate(invalid="ignore"):  # infinity has no fraction
                whole &= ~(np.fmax.reduce(block - np.floor(block), axis=0) > 0)
    least, greatest = np.fmin.reduce(low, axis=0), np.fmax.reduce(high, axis=0)
    if real and (np.isinf(least).any() or np.isinf(greatest).any() or (holes.any() and not missing)):
        check()
    return least, greatest, holes, whole


def _column(label: str, dtype: str, low: Any, high: Any, holes: Any, whole: Any) -> Column:
    if np.isnan(low):
        return Column(label, "missing", dtype, holes=int(holes))
    low, high = (int(low), int(high)) if whole else (float(low), float(high))
    kind: Kind = "number" if not whole else ("bit" if low >= 0 and high <= 1 else "whole")
    return Column(label, kind, dtype, low, high, int(holes))


def _of_text(label: str, array: np.ndarray, name: str, told: int | str) -> Column:
    """A column of text: a category where its values repeat.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a column that is none, of numbers but for
    some cells.
    """
    cells = array[~holes_in(array)].tolist()
    if any(not isinstance(cell, str) for cell in cells):
        check_column(array, name, told, missing=True)
    holes, levels = len(array) - len(cells), tuple(sorted(set(cells)))
    numbers = sum(map(_reads, cells))
    # Numbers that are kept as text, and few, are codes: "08001", or "1" and "2".
    codes = numbers == len(cells) and len(levels) < min(len(cells), _TEXT_LEVELS + 1)
    if 2 * numbers >= max(len(cells), 1) and not codes:
        check_column(array, name, told, missing=True)
    if len(levels) > max(_TEXT_LEVELS, len(cells) / 20) or (len(levels) == len(cells) > _NAMES):
        kind: Kind = "identifier" if len(levels) == len(cells) else "text"
        return Column(label, kind, "object", high=len(levels), holes=holes)
    return of_levels(label, array, None)


def _reads(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None
