"""Rows: what counts as data, and whether it lies where a likelihood has its mass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

__all__ = ["as_rows", "check_support", "padded_size"]


def as_rows(x: Any, name: str = "x") -> np.ndarray:
    """`x` as an array of shape (n, d) in a type of its own that a device has.

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
        finite = np.isfinite(x)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            count = int((~finite).sum())
            raise ValueError(
                f"{name}: expected finite numbers, found {x[row, column]} in row {row}, "
                f"column {column} ({count} value{'s' * (count > 1)} in all "
                f"{'are' if count > 1 else 'is'} not finite)"
            )
        if x.dtype.itemsize > 4 and (large := np.abs(x) > np.finfo(np.float32).max).any():
            row, column = np.argwhere(large)[0]
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


def check_support(x: np.ndarray, support: Constraint, name: str = "x", *, of: str = "likelihood") -> None:
    """Whether every value of `x` lies in `support`, that of the part named by `of`.

    **Raises:** `ValueError` with the first value that does not and the ways out.

    >>> check_support(np.array([[0.5, 1.0]]), constraints.independent(constraints.boolean, 1))
    Traceback (most recent call last):
    ...
    ValueError: x: the likelihood is over values in {0, 1}, found 0.5 in row 0, column 0; \
binarise (binarize="dynamic", or a threshold), or take a family for such values \
(DiagonalGaussian with a Dequantization, BetaBinomial)
    """
    base = getattr(support, "base_constraint", support)
    if base is constraints.boolean:
        inside, words = (x == 0) | (x == 1), "values in {0, 1}"
        ways_out = (
            'binarise (binarize="dynamic", or a threshold), or take a family for such values '
            "(DiagonalGaussian with a Dequantization, BetaBinomial)"
        )
    elif hasattr(base, "lower_bound") and hasattr(base, "upper_bound"):
        low, high = float(np.min(base.lower_bound)), float(np.max(base.upper_bound))
        inside = (x >= low) & (x <= high)
        if base.is_discrete:
            inside &= x == np.floor(x)
        words = f"{'whole ' if base.is_discrete else ''}numbers from {low:g} to {high:g}"
        ways_out = "fit it to the data's range, or take DiagonalGaussian for real numbers"
    else:
        return
    if not inside.all():
        row, column = np.argwhere(~inside)[0]
        raise ValueError(
            f"{name}: the {of} is over {words}, found {x[row, column]:g} in row {row}, column {column}; "
            f"{ways_out}"
        )


def padded_size(n: int) -> int:
    """`n` rounded up by at most an eighth, so that data sets of about one size share a compiled program.

    >>> [padded_size(n) for n in (7, 1437, 60000)]
    [7, 1536, 61440]
    """
    grain = 1 << max(n.bit_length() - 4, 0)
    return -(-n // grain) * grain
