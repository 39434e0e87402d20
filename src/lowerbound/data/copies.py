"""Columns that say what another says: the same values, or others that go with its, one for one."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool

from lowerbound.data.columns import Column
from lowerbound.data.declared import level_names
from lowerbound.data.settled import holes_in

__all__ = ["checked_columns", "copied", "disagreeing", "filled", "followed", "without_copies"]

Arrays = np.ndarray | Sequence[np.ndarray]

# Of so many levels at most, each for so many rows at least in the mean: fewer may go together by chance.
_LEVELS, _ROWS = 64, 20
# What may go with a category one for one; what may be equal; rows that are looked at before all are.
_TOLD, _NUMBERS, _CELLS = ("category", "bit", "whole", "rounded"), ("number", "rounded", "whole"), 16


def without_copies(
    columns: Sequence[Column], arrays: Arrays, kept: Container[str] = ()
) -> tuple[Column, ...]:
    """The columns, of which those that say again what another says are copies of it: a second column of the
    same numbers, and one whose values go with the levels of a category, one for one, in every row. Columns
    called as in `kept` are none.

    A density of both would be that of one with a spike at the other, which rises without end as it is
    learned; a mass of both, where columns are independent given z, has to be learned through z.

    >>> from lowerbound.data.found import found_in
    >>> from lowerbound.data.tables import columns_of
    >>> rows = 20 * [{"port": "S", "town": "Southampton"}, {"port": "Q", "town": "Queenstown"}]
    >>> read = columns_of(rows)
    >>> port, town = without_copies(found_in(read, "x", False), read.arrays)
    >>> town.kind, town.original, town.partners, town.levels
    ('copy', 'port', ('Q', 'S'), ('Queenstown', 'Southampton'))
    """
    found = list(columns)
    free = [place for place, column in enumerate(columns) if column.name not in kept]
    for one, other in _that_may_go_together(free, columns, arrays):
        # Of a category's number the category stays, whose most probable level says the number.
        first, second = (other, one) if not columns[one].levels else (one, other)
        if "copy" in (found[first].kind, found[second].kind):
            continue
        pairs = _pairs(level_names(arrays[first]), level_names(arrays[second]))
        if pairs is not None:
            partners, levels = pairs
            found[second] = replace(
                found[second], kind="copy", original=columns[first].name, partners=partners, levels=levels
            )
    for first, second in _that_may_be_equal(free, columns, arrays):
        if "copy" not in (found[first].kind, found[second].kind) and _same(arrays[first], arrays[second]):
            found[second] = replace(
                found[second], kind="copy", original=columns[first].name, offset=0, unit=1
            )
    return tuple(found)


def checked_columns(found: Iterable[Column]) -> tuple[Column, ...]:
    """Columns of a file, which differ in their names, and of which each copy is of another that is none.

    **Raises:** `ValueError`.
    """
    columns = tuple(found)
    names = {column.name: column for column in columns}
    if not columns:
        raise ValueError("schema.columns: expected at least one column, found none")
    if len(names) < len(columns):
        raise ValueError("schema.columns: expected names that differ")
    for column in columns:
        place = f"schema.columns[{column.name!r}]"
        original = names.get(column.original or column.name)
        needs = column.kind == "copy" or column.original is not None
        if needs and (original is None or original is column or original.kind == "copy"):
            raise ValueError(f"{place}.original: expected another column, found {column.original!r}")
        if column.partners is not None and len(column.partners) != len(column.levels or ()):
            raise ValueError(f"{place}.partners: expected one for each of {len(column.levels or ())} levels")
    return columns


def copied(columns: Sequence[Column]) -> set[str]:
    """The names of the columns that are copies of others, and of those others: a schema that says so of a
    table lets them be found again in the next."""
    copies = [column for column in columns if column.kind == "copy"]
    return {name for column in copies for name in (column.name, column.original) if name is not None}


def followed(columns: Sequence[Column], arrays: Arrays) -> list[np.ndarray]:
    """The columns' values, of copies those that go with their original's."""
    values = list(arrays)
    for copy, original in _copies(columns):
        values[copy] = columns[copy].following(values[original])
    return values


def filled(columns: Sequence[Column], arrays: Arrays) -> list[np.ndarray]:
    """The columns' values, those missing in an original by what its copy says."""
    values = list(arrays)
    for copy, original in _copies(columns):
        hole = holes_in(values[original])
        if hole.any() and not (lacking := holes_in(values[copy])).all():
            own = columns[copy].followed_by(values[copy], columns[original])
            known = hole & ~lacking & ~holes_in(own)
            values[original] = own if hole.all() else np.where(known, own, values[original])
    return values


def disagreeing(columns: Sequence[Column], arrays: Arrays) -> dict[int, Bool[np.ndarray, " n"]]:
    """By the place of each copy the rows in which it does not say what its original says: those have
    probability 0."""
    return {
        copy: _differ(columns[copy].following(arrays[original]), arrays[copy])
        for copy, original in _copies(columns)
    }


def _copies(columns: Sequence[Column]) -> Iterator[tuple[int, int]]:
    """The places of each copy and of its original."""
    places = {column.name: place for place, column in enumerate(columns)}
    return (
        (place, places[column.original])
        for place, column in enumerate(columns)
        if column.original is not None
    )


def _that_may_go_together(
    places: Sequence[int], columns: Sequence[Column], arrays: Arrays
) -> list[tuple[int, int]]:
    """The pairs of columns, in order, of which one is a category and both have as many values. Without a
    category no column is looked at."""
    told = [place for place in places if columns[place].kind in _TOLD and not columns[place].ordered]
    categories = [place for place in told if columns[place].levels]
    if not categories:
        return []
    values = {place: _number_of_values(columns[place], arrays[place]) for place in told}
    pairs = ((c, other) for c in categories for other in told if other != c and values[other] == values[c])
    return sorted({(min(pair), max(pair)) for pair in pairs})


def _number_of_values(column: Column, values: np.ndarray) -> int:
    """How many different values of a column are observed."""
    known = values[~holes_in(values)]
    return len(set(level_names(known))) if column.levels is not None else len(np.unique(known))


def _that_may_be_equal(
    places: Sequence[int], columns: Sequence[Column], arrays: Arrays
) -> Iterator[tuple[int, int]]:
    """The pairs of columns of numbers that are equal at their ends and in a few rows: each column is looked
    at once, so that a wide table costs no more for each."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for place in places:
        column, values = columns[place], arrays[place]
        if column.kind in _NUMBERS and values.dtype.kind != "O" and len(values) > 1:
            cells = np.nan_to_num(np.asarray(values[:: -(-len(values) // _CELLS)], np.float64))
            alike.setdefault((column.low, column.high, column.holes, *cells.tolist()), []).append(place)
    return (pair for group in alike.values() for pair in combinations(group, 2))


def _pairs(
    first: list[str | None], second: list[str | None]
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The values that go together, where they do so one for one in every row that has both."""
    rows = [(a, b) for a, b in zip(first, second, strict=False) if a is not None and b is not None]
    pairs = sorted(set(rows))
    if not 2 <= len(pairs) <= _LEVELS or len(rows) < _ROWS * len(pairs):
        return None
    ones, others = zip(*pairs, strict=True)
    alone = {*first} - {None, *ones} or {*second} - {None, *others}
    one_for_one = len(set(ones)) == len(set(others)) == len(pairs)
    return (ones, others) if one_for_one and not alone else None


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two columns of numbers are the same, also in what is missing."""
    return np.array_equal(a, b, equal_nan=True)


def _differ(a: np.ndarray, b: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Where two columns both have a value, and not the same."""
    if "O" in (a.dtype.kind, b.dtype.kind):
        pairs = zip(level_names(a), level_names(b), strict=True)
        return np.array([None not in pair and pair[0] != pair[1] for pair in pairs], bool)
    return np.asarray((a != b) & ~holes_in(a) & ~holes_in(b))
