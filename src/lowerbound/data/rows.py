"""Rows: what counts as data, and whether it lies where a likelihood has its mass."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.support import Columns, range_of, takes_missing, words
from lowerbound.parts import BITS, COUNTS, LEVELED, POSITIVE, REAL, UNIT, suggested

__all__ = ["as_rows", "check_support", "padded_size"]


def as_rows(x: Any, name: str = "x", *, missing: bool = False) -> np.ndarray:
    """`x` as an array of shape (n, d) in a type of its own that a device has. With `missing`, NaN stands
    for a value that was not observed.

    **Raises:** `TypeError` for anything but numbers; `ValueError` for another shape, for no rows, for
    NaN and infinity (with the place of the first).

    >>> as_rows([[1, 2], [3, 4]]).shape
    (2, 2)
    >>> as_rows([[1.0, float("nan")]])
    Traceback (most recent call last):
    ...
    ValueError: x: expected finite numbers, found nan in row 0, column 1 (1 value in all is not finite)
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        kind = {"O": "Python objects", "U": "text", "S": "bytes", "c": "complex numbers"}
        raise TypeError(f"{name}: expected an array of real numbers, found {kind.get(x.dtype.kind, x.dtype)}")
    if x.ndim != 2:
        raise ValueError(
            f"{name}: expected rows, an array of shape (n, d), found shape {x.shape}"
            + ("; flatten images with x.reshape(len(x), -1)" if x.ndim > 2 else "")
        )
    if 0 in x.shape:
        raise ValueError(f"{name}: expected at least one row and one column, found shape {x.shape}")
    if x.dtype.kind == "f":
        if not all(_allowed(block, missing).all() for block in _blocks(x)):
            finite = _allowed(x, missing)
            row, column = np.argwhere(~finite)[0]
            count = int((~finite).sum())
            raise ValueError(
                f"{name}: expected finite numbers, found {x[row, column]} in row {row}, "
                f"column {column} ({count} value{'s' * (count > 1)} in all "
                f"{'are' if count > 1 else 'is'} not finite)"
            )
        largest = np.finfo(np.float32).max
        if x.dtype.itemsize > 4 and any((np.abs(block) > largest).any() for block in _blocks(x)):
            row, column = np.argwhere(np.abs(x) > largest)[0]
            raise ValueError(
                f"{name}: expected numbers that fit into float32, found {x[row, column]} in row {row}, "
                f"column {column}; divide by a unit"
            )
        return x.astype(x.dtype.newbyteorder("=") if x.dtype.itemsize <= 4 else np.float32, copy=False)
    if x.dtype.itemsize == 8:
        limits = np.iinfo(np.int32)
        if x.min() < limits.min or x.max() > limits.max:
            raise ValueError(f"{name}: expected whole numbers that fit into 32 bits")
        return x.astype(np.int32)
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def _allowed(x: np.ndarray, missing: bool) -> np.ndarray:
    allowed: np.ndarray = ~np.isinf(x) if missing else np.isfinite(x)
    return allowed


def check_support(x: np.ndarray, support: Constraint, name: str = "x", *, of: str = "likelihood") -> None:
    """Whether every value of `x` lies in `support`, that of the part named by `of`. NaN does where the
    support says that a value may be missing.

    **Raises:** `ValueError` with the first value that does not and the ways out.

    >>> from numpyro.distributions import constraints
    >>> check_support(np.array([[0.5, 1.0]]), constraints.independent(constraints.boolean, 1))
    Traceback (most recent call last):
    ...
    ValueError: x: the likelihood is over values in {0, 1}, found 0.5 in row 0, column 0; \
binarise (binarize="dynamic", or a threshold), or take a family for such values \
(DiagonalGaussian with a Dequantization, BetaBinomial)
    """
    blocks = support.blocks if isinstance(support, Columns) else ((support, tuple(range(x.shape[1]))),)
    outside = [
        (row, columns[i], set_of_values)
        for set_of_values, columns in blocks
        # All columns are taken as they are: a copy would cost more than the look.
        for row, i in _first_outside(x[:, columns] if isinstance(support, Columns) else x, set_of_values)
    ]
    if not outside:
        return
    row, column, set_of_values = min(outside, key=lambda place: place[:2])
    value = float(x[row, column])
    where = f" in column {column}" if len(blocks) > 1 else ""
    raise ValueError(
        f"{name}: the {of} is over {words(set_of_values)}{where}, found {value:g} in row {row}, "
        f"column {column}; {_ways_out(value, set_of_values)}"
    )


def _first_outside(x: np.ndarray, support: Constraint) -> list[tuple[int, int]]:
    """Row and column of the first value outside, or nothing."""
    span = range_of(support)
    if span is None:
        return []

    def between(low: Any, high: Any) -> Any:
        above = low > span.low if span.open_low else low >= span.low
        return above & (high < span.high if span.open_high else high <= span.high)

    # The least and the greatest are NaN where a value is, and NaN is between nothing.
    if all(between(block.min(), block.max()) and (not span.whole or _whole(block)) for block in _blocks(x)):
        return []
    inside = between(x, x)
    if span.whole:
        inside &= x == np.floor(x)
    if takes_missing(support):
        inside |= np.isnan(x)
    return [] if inside.all() else [tuple(np.argwhere(~inside)[0].tolist())]


def _blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """A few rows at a time, which stay in a cache between two looks at them."""
    step = max(1, 65536 // x.shape[1])
    return (x[first : first + step] for first in range(0, len(x), step))


def _whole(x: np.ndarray) -> bool:
    """Whether all values are whole numbers."""
    return x.dtype.kind != "f" or bool((x == np.floor(x)).all())


def _ways_out(value: float, support: Constraint) -> str:
    """What to do about a value that is not in the support."""
    span = range_of(support)
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


def padded_size(n: int) -> int:
    """`n` rounded up by at most an eighth, so that data sets of about one size share a compiled program.

    >>> [padded_size(n) for n in (7, 1437, 60000)]
    [7, 1536, 61440]
    """
    grain = 1 << max(n.bit_length() - 4, 0)
    return -(-n // grain) * grain
