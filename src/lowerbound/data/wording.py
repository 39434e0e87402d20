"""What is said of a column of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowerbound.data.times import TIME_WORDS, shown, step_words

if TYPE_CHECKING:
    from lowerbound.data.columns import Column

__all__ = ["LEFT_OUT", "number_words", "words_of"]

# Kinds that an encoded row does not hold, and why.
LEFT_OUT = {
    "constant": "says nothing of a row",
    "missing": "no value at all",
    "identifier": "names of rows",
    "text": "free text",
    "copy": "says what another column says",
}
# Of levels so many are shown.
_SHOWN = 6
# What is not told of a day.
_MIDNIGHT = " 00:00:00"


def words_of(column: Column) -> str:
    """What was found in a column, and what becomes of it, in words."""
    if column.kind == "missing":
        return "no value at all: left out"
    if column.kind == "constant":
        return f"always {column.only}: says nothing of a row, left out"
    if column.original is not None:
        return f"{'as' if column.partners is None else 'one for one with'} {column.original!r}: left out"
    missing = f", {column.holes} missing" if column.holes else ""
    if not column.encoded:
        what = "text" if column.dtype == "object" else "values"
        values = "all different" if column.kind == "identifier" else f"{column.high} different"
        return f"{what}, {values}{missing}: {LEFT_OUT[column.kind]}, left out"
    return f"{_values(column)}{missing}{_kept(column)}"


def _values(column: Column) -> str:
    if column.kind == "bit":
        return "values 0 and 1"
    if column.levels is not None:
        sign = " < " if column.ordered else ", "
        told = sign.join(column.levels[:_SHOWN]) + (f"{sign}…" if len(column.levels) > _SHOWN else "")
        return f"one of {len(column.levels)}{' in order' * column.ordered}: {told}"
    if column.tokens is not None:
        return column.tokens.words
    if column.timed:
        return _times(column)
    if column.kind == "rounded":
        return f"numbers from {column.low:g} to {column.high:g} in steps of {10.0**-column.decimals:g}"
    words = {"whole": "whole numbers", "grey": "8-bit levels", "number": "real numbers"}[column.kind]
    digits = ".4g" if column.as_it_is else ".15g"
    real = column.kind == "number"
    low, high = (f"{end:{digits}}" if real else number_words(end) for end in (column.low, column.high))
    return f"{words} from {low} to {high}"


def _times(column: Column) -> str:
    low, high = (shown(int(end or 0), column.dtype) for end in (column.low, column.high))
    if low.endswith(_MIDNIGHT) and high.endswith(_MIDNIGHT):
        low, high = low.removesuffix(_MIDNIGHT), high.removesuffix(_MIDNIGHT)
    zone = "" if column.zone is None else f" (universal time; {column.zone})"
    steps = f" in steps of {step_words(column.unit, column.dtype)}" if column.whole else ", as real numbers"
    return f"{TIME_WORDS[column.kind]} from {low} to {high}{zone}{steps}"


def _kept(column: Column) -> str:
    if column.as_it_is or not column.numeric:
        return ""
    if column.kind == "grey":
        return " in steps of 1/255"
    sign = "−" if column.offset > 0 else "+"
    moved = "x" if column.offset == 0 else f"x {sign} {number_words(abs(column.offset))}"
    if column.unit == 1:
        return f", kept as {moved}"
    return f", kept as {f'({moved})' if column.offset else moved}/{number_words(column.unit)}"


def number_words(value: float | int | None) -> str:
    """A number as it is written."""
    return str(value) if isinstance(value, int) else f"{value!r}"
