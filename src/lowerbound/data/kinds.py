"""A column of a kind that a person names, where the guess is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lowerbound.data.columns import DECIMALS, Column, Kind
from lowerbound.data.declared import Declared, level_names
from lowerbound.data.errors import DataError
from lowerbound.data.named_kinds import KINDS, TIMES
from lowerbound.data.numbers import NUMBER
from lowerbound.data.settled import holes_in
from lowerbound.data.times import TIME_WORDS, kind_of, parsed, step_of, ticks_of
from lowerbound.data.tokens import TOKENIZERS, Tokens, unsplit

__all__ = ["as_kind", "by_name", "kinds_of", "of_levels", "of_times"]


def by_name(kinds: Mapping[Any, str] | None, labels: tuple[str, ...], name: str) -> dict[str, str]:
    """The kinds that are named, by the names of columns; one is told by its name, or by its number from 0.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for a column that is not there, and for a kind
    that there is not.

    >>> by_name({"zip": "category", 0: "date"}, ("born", "zip"), "x")
    {'zip': 'category', 'born': 'date'}
    """
    found = {}
    for key, kind in (kinds or {}).items():
        column = str(key)
        if column not in labels:
            if not column.isdecimal() or int(column) >= len(labels):
                had = ", ".join(map(repr, labels[:8])) + (", …" if len(labels) > 8 else "")
                raise DataError(name, f"the column {column!r} that kinds names", f"{had}")
            column = labels[int(column)]
        if kind not in KINDS:
            raise DataError(name, f"a kind for {column!r} of {', '.join(KINDS)}", repr(kind))
        found[column] = kind
    return found


def kinds_of(columns: Sequence[Column]) -> dict[str, str]:
    """The kinds of these columns that a person may name, by name."""
    kinds: dict[str, str] = {}
    for column in columns:
        kind = "ordered" if column.ordered else column.kind
        kinds[column.name] = kind if column.tokens is None else column.tokens.tokenizer
    return {name: kind for name, kind in kinds.items() if kind in KINDS}


def of_levels(label: str, values: np.ndarray, declared: Declared | None, *, ordered: bool = False) -> Column:
    """A column as a category: of the levels that its type declares, in their order, with those that no row
    has; of others in the order of their numbers, or of the alphabet.

    >>> of_levels("zip", np.array([1001, 702, 1001]), None).levels
    ('702', '1001')
    """
    names = level_names(values)
    seen = {name for name in names if name is not None}
    if declared is not None and declared.levels is not None:
        levels, dtype = declared.levels, declared.dtype
    else:
        numbers = values.dtype.kind in "biuf" or all(map(NUMBER.fullmatch, seen))
        levels = tuple(sorted(seen, key=float if numbers else str))
        dtype = str(values.dtype)
    holes = names.count(None)
    if not seen:
        return Column(label, "missing", dtype, holes=holes)
    kind: Kind = "constant" if len(levels) == 1 else "category"
    own = declared is not None and declared.levels is not None
    ordered = ordered or (declared is not None and declared.ordered)
    return Column(label, kind, dtype, 0, len(levels) - 1, holes, levels=levels, ordered=ordered, declared=own)


def of_times(label: str, values: np.ndarray, kind: Kind, declared: Declared | None) -> Column:
    """A column of dates, times of the day or time spans, counted from the first in their step.

    >>> of_times("day", np.array(["2004-03-10", "2004-03-12"], "datetime64[D]"), "date", None).words
    'dates from 2004-03-10 to 2004-03-12 in steps of 1 day'
    """
    dtype = str(values.dtype)
    if dtype[-3:] in ("[Y]", "[M]", "[W]"):
        dtype = dtype[:-3] + "[D]"
    ticks = ticks_of(values, dtype)
    number, holes = ticks.number[~ticks.hole], int(ticks.hole.sum())
    zone = None if declared is None else declared.zone
    if not len(number):
        return Column(label, "missing", dtype, holes=holes, zone=zone)
    low, high = int(number.min()), int(number.max())
    column = Column(label, kind, dtype, low, high, holes, offset=low, zone=zone)
    return (
        replace(column, kind="constant", offset=0)
        if low == high
        else replace(column, unit=step_of(number, dtype))
    )


def as_kind(label: str, values: np.ndarray, kind: str, declared: Declared | None, fault: Fault) -> Column:
    """A column as a kind that a person names.

    **Raises:** what `fault` makes of what was expected and the row that holds something else.
    """
    holes = holes_in(values)
    if kind in ("identifier", "text"):
        different = len({name for name in level_names(values) if name is not None})
        whole: Kind = "identifier" if kind == "identifier" else "text"
        return Column(label, whole, str(values.dtype), high=different, holes=int(holes.sum()))
    if kind in ("category", "ordered"):
        if kind_of(values) is not None:
            raise fault("text or numbers", _first(~holes))
        return of_levels(label, values, declared, ordered=kind == "ordered")
    if kind in TOKENIZERS:
        return _as_tokens(label, values, kind, fault)
    if kind in TIMES:
        return _as_times(label, values, kind, declared, fault)
    return _as_numbers(label, values, kind, fault)


# The error about a row of a column, from what was expected there.
Fault = Callable[[str, int], DataError]


def _as_tokens(label: str, values: np.ndarray, kind: str, fault: Fault) -> Column:
    """A column of text whose texts are sequences of tokens."""
    holes = holes_in(values)
    if values.dtype.kind != "O" and not holes.all():
        raise fault("text", _first(~holes))
    texts = [str(text) for text in values[~holes].tolist()]
    tokens = Tokens.of(texts, kind)
    if (odd := unsplit(values, kind)).any():
        raise fault(tokens.fault(str(values[_first(odd)])) or "", _first(odd))
    different = len(set(texts))
    if different < 2 or not tokens.length:
        return Column(label, "text", "object", high=different, holes=int(holes.sum()))
    return Column(label, "tokens", "object", high=different, holes=int(holes.sum()), tokens=tokens)


def _as_times(label: str, values: np.ndarray, kind: str, declared: Declared | None, fault: Fault) -> Column:
    found = kind_of(values)
    if found is None and values.dtype.kind == "O":
        cells = [
            None if hole else str(cell) for cell, hole in zip(values.tolist(), holes_in(values), strict=True)
        ]
        read, words = parsed(cells)
        if read is None:
            told = f" ({words})" if words else ""
            alone = (parsed([cell])[0] is None and cell is not None for cell in cells)
            raise fault(
                f"dates or times, such as 2004-03-10 or 11:34{told}",
                next((i for i, odd in enumerate(alone) if odd), 0),
            )
        values, found = read, kind_of(read)
    if found is None and holes_in(values).all():
        return Column(label, "missing", str(values.dtype), holes=len(values))
    if found is None or found != kind:
        raise fault(TIME_WORDS[kind], _first(~holes_in(values)))
    return of_times(label, values, found, declared)


def _as_numbers(label: str, values: np.ndarray, kind: str, fault: Fault) -> Column:
    if values.dtype.kind == "O":
        cells = values.tolist()
        odd = [cell is not None and not (isinstance(cell, str) and NUMBER.fullmatch(cell)) for cell in cells]
        if any(odd):
            raise fault("numbers", odd.index(True))
        values = np.array([np.nan if cell is None else float(cell) for cell in cells])
    if values.dtype.kind not in "biuf":
        raise fault("numbers", _first(~holes_in(values)))
    hole = holes_in(values)
    observed = values[~hole].astype(float)
    if not len(observed):
        return Column(label, "missing", str(values.dtype), holes=int(hole.sum()))

    def check(expected: str, good: np.ndarray) -> None:
        if not good.all():
            raise fault(expected, int(np.flatnonzero(~hole)[good.argmin()]))

    check("finite numbers", np.isfinite(observed))
    low, high = float(observed.min()), float(observed.max())
    column = Column(label, "number", str(values.dtype), low, high, int(hole.sum()))
    if low == high:
        return replace(column, kind="constant")
    if kind == "number":
        return column
    if kind == "rounded":
        for decimals in range(1, DECIMALS + 1):
            good = np.round(observed, decimals) == observed
            if good.all():
                break
        check(f"numbers of at most {DECIMALS} decimals", good)
        rounded = replace(column, kind="rounded", decimals=decimals)
        check("numbers that float32 tells apart", np.full(len(observed), rounded.counts))
        return rounded
    check("0 and 1", (observed == 0) | (observed == 1)) if kind == "bit" else None
    check("whole numbers", observed == np.floor(observed))
    return replace(column, kind="bit" if kind == "bit" else "whole", low=int(low), high=int(high))


def _first(where: np.ndarray) -> int:
    return int(where.argmax())
