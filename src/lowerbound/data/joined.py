"""Columns of which one is below the other: some rows at a time, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from lowerbound.data.declared import Declared
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import Columns
from lowerbound.data.times import kind_of

__all__ = ["Form", "form_of", "joined", "rows_of"]

# What the cells of a column are; None where none was observed, which goes with all.
Form = Literal["numbers", "text", "date", "time", "span"]


def form_of(array: np.ndarray) -> Form | None:
    """What a column's cells are, so far as these show it.

    >>> form_of(np.array([1, 2])), form_of(np.array(["a", None], object)), form_of(np.array([np.nan]))
    ('numbers', 'text', None)
    """
    if array.dtype.kind in "fOMm" and holes_in(array).all():
        return None
    return "numbers" if array.dtype.kind in "biuf" else kind_of(array) or "text"


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns of one name and form each, one below the other, in the type that holds all; levels that are
    declared are those of all parts, in the order in which they come.

    >>> above, below = Columns([np.array([1, 2])], ("a",)), Columns([np.array([0.5])], ("a",))
    >>> joined([above, below]).arrays[0].tolist()
    [1.0, 2.0, 0.5]
    """
    first, *others = parts
    if not others:
        return first
    tables = [part.arrays for part in parts if isinstance(part.arrays, np.ndarray)]
    if len(tables) == len(parts):
        return replace(first, arrays=np.concatenate(tables, axis=1))
    arrays = [_below_each_other([part.arrays[place] for part in parts]) for place in range(first.width)]
    declared = tuple(
        _declared([part.declared[place] if part.declared else None for part in parts], arrays[place])
        for place in range(first.width)
    )
    return replace(first, arrays=arrays, declared=declared if any(declared) else ())


def rows_of(read: Columns, rows: np.ndarray | slice) -> Columns:
    """Some of the rows.

    >>> rows_of(Columns([np.array([1, 2, 3])], None), slice(1, None)).arrays[0].tolist()
    [2, 3]
    """
    arrays = read.arrays
    some = arrays[:, rows] if isinstance(arrays, np.ndarray) else [array[rows] for array in arrays]
    return replace(read, arrays=some)


def _below_each_other(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """One column; where it has no value in a part, that part is blank in the type of the others."""
    if len({array.dtype.kind in "OMm" for array in arrays}) < 2:
        return np.concatenate(arrays)
    typed = next(array for array in arrays if array.dtype.kind in "OMm")
    blank = None if typed.dtype.kind == "O" else np.array("NaT", typed.dtype)
    return np.concatenate(
        [array if array.dtype.kind in "OMm" else np.full(len(array), blank, typed.dtype) for array in arrays]
    )


def _declared(parts: Sequence[Declared | None], array: np.ndarray) -> Declared | None:
    """What is declared of all; nothing where of a part nothing is. Whole numbers that may be missing are so
    where all of the `array` is whole."""
    said = next((part for part in parts if part is not None), None)
    if said is not None and said.with_holes:
        return said if said.holds(array) else None
    first = parts[0]
    if first is None or first.levels is None:
        return first
    levels: dict[str, None] = {}
    for part in parts:
        if part is None or part.levels is None:
            return None
        levels |= dict.fromkeys(part.levels)
    return replace(first, levels=tuple(levels))
