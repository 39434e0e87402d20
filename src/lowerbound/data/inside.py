"""Values against the set in which a model has mass: the first that lies outside, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpyro.distributions.constraints import Constraint

from lowerbound.data.errors import DataError, Place
from lowerbound.data.numbers import blocks, numbered_blocks
from lowerbound.distributions.support import Columns, range_of, takes_missing, words
from lowerbound.parts import BITS, COUNTS, LEVELED, POSITIVE, REAL, UNIT, suggested

__all__ = ["any_outside", "check_support"]


def check_support(
    x: np.ndarray,
    support: Constraint,
    name: str = "x",
    *,
    of: str = "likelihood",
    first: int = 0,
    rows: np.ndarray | None = None,
) -> None:
    """Whether every value of `x` lies in `support`, that of the part named by `of`. NaN does where the
    support says that a value may be missing. `rows` are the numbers by which the rows are told; by default
    they are counted from `first`.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] with the first value that does not and the
    ways out.

    >>> from numpyro.distributions import constraints
    >>> check_support(np.array([[0.5, 1.0]]), constraints.independent(constraints.boolean, 1))
    Traceback (most recent call last):
    ...
    lowerbound.data.errors.DataError: x: expected for the likelihood values in {0, 1}, \
found 0.5 in row 0, column 0; binarise (binarize="dynamic", or a threshold), or take a family for such \
values (DiagonalGaussian with a Dequantization, BetaBinomial)
    """
    parts = _parts(support, x.shape[1])
    outside = [
        (row, columns[i], set_of_values)
        for set_of_values, columns in parts
        for row, i in _first_outside(x, columns, set_of_values)
    ]
    if not outside:
        return
    row, column, set_of_values = min(outside, key=lambda place: place[:2])
    value = float(x[row, column])
    place = Place(first + row if rows is None else int(rows[row]), column)
    expected = f"for the {of} {words(set_of_values)}"
    raise DataError(name, expected, f"{value:g}", place, _ways_out(value, set_of_values))


def _parts(support: Constraint, width: int) -> Sequence[tuple[Constraint, tuple[int, ...]]]:
    """Sets of values, each with the columns whose they are."""
    return support.blocks if isinstance(support, Columns) else ((support, tuple(range(width))),)


def any_outside(x: np.ndarray, support: Constraint) -> Bool[np.ndarray, " n"]:
    """Which rows have a value outside."""
    outside = np.zeros(len(x), bool)
    for set_of_values, columns in _parts(support, x.shape[1]):
        inside = _inside(x[:, columns], set_of_values)
        outside |= np.zeros(len(x), bool) if inside is None else ~inside.all(1)
    return outside


def _first_outside(x: np.ndarray, columns: tuple[int, ...], support: Constraint) -> list[tuple[int, int]]:
    """Row, and place among the columns, of the first value outside, or nothing: a few rows are looked at, and
    copied, at a time."""
    every = columns == tuple(range(x.shape[1]))
    for first, block in numbered_blocks(x):
        inside = _inside(block if every else block[:, columns], support)
        if inside is not None and not inside.all():
            row, place = np.argwhere(~inside)[0].tolist()
            return [(first + row, place)]
    return []


def _inside(x: np.ndarray, support: Constraint) -> Bool[np.ndarray, "n d"] | None:
    """Which values lie in a set; None where all of them do. Values that hang together lie there, or not,
    together."""
    span = range_of(support)
    if span is None:
        together = np.concatenate([np.atleast_1d(support(block)) for block in blocks(x)])
        return None if together.all() else np.broadcast_to(together[:, None], x.shape)

    def between(low: Any, high: Any) -> Any:
        above = low > span.low if span.open_low else low >= span.low
        return above & (high < span.high if span.open_high else high <= span.high)

    # The least and the greatest are NaN where a value is, and NaN is between nothing.
    if all(between(block.min(), block.max()) and (not span.whole or _whole(block)) for block in blocks(x)):
        return None
    inside: np.ndarray = between(x, x)
    if span.whole:
        inside &= x == np.floor(x)
    if takes_missing(support):
        inside |= np.isnan(x)
    return inside


def _whole(x: np.ndarray) -> bool:
    """Whether all values are whole numbers."""
    return x.dtype.kind != "f" or bool((x == np.floor(x)).all())


def _ways_out(value: float, support: Constraint) -> str:
    """What to do about a value that is not in the support."""
    span = range_of(support)
    if span is None and not np.isnan(value):
        return "its columns hang together: mend the row, or leave it out"
    if span is None or np.isnan(value):
        return "make the family with missing=True where NaN stands for a value that was not observed"
    over = partial(suggested, "likelihood", most=1)
    if span[:3] == (0, 1, True):
        return (
            'binarise (binarize="dynamic", or a threshold), or take a family for such values '
            f"({over(REAL)} with a Dequantization, {over(LEVELED)})"
        )
    if span[:3] == (0, np.inf, True):
        if value < 0:
            return f"counts are not negative: take a family for real numbers ({over(REAL, most=2)})"
        return f"round to counts, or take a family for real numbers ({over(REAL)}, {over(POSITIVE)})"
    if span[:3] == (0, np.inf, False):
        if value == 0:
            return f"0 is no value of such a density: take {over(COUNTS)} for counts, else {over(REAL)}"
        return f"take a family for real numbers ({over(REAL, most=2)})"
    if span[:3] == (0, 1, False):
        if 0 <= value <= 1:
            return f"take {over(UNIT)}, whose values may be 0 and 1, or {over(BITS)} where all are"
        return (
            "divide by the greatest value (Standardization with mean 0, which counts the Jacobian), or take "
            f"{over(LEVELED)} for whole numbers, {over(REAL)} for real numbers"
        )
    return f"fit it to the data's range, or take {over(REAL)} for real numbers"
