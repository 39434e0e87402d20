"""What a baseline is, how two are compared, and what all kinds share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Array",
    "Density",
    "check_arrays",
    "check_whole",
    "in_chunks",
    "log_sum_exp",
    "paired_difference",
    "real_rows",
    "whole_rows",
]

Array = NDArray[np.float64]

CHUNK = 512  # rows scored at once


class Density(Protocol):
    """What a baseline is: a log-density per row, and one line that says what it is."""

    @property
    def note(self) -> str: ...

    def log_prob(self, x: ArrayLike) -> Array: ...


def paired_difference(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Mean of a - b over rows and its standard error, sd(a - b) / √n: one number per row each.

    What rows share (an easy one is easy for every model) drops out of the difference.

    >>> paired_difference([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    (1.0, 0.0)
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1 or first.size < 2:
        raise ValueError(
            "paired_difference: expected two arrays (n,) of the same rows, at least 2, "
            f"found shapes {first.shape} and {second.shape}"
        )
    difference = first - second
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(difference.size))


# ── Scoring ──────────────────────────────────────────────────────────────────────────────────────


def in_chunks(score: Callable[[Array], Array], x: Array) -> Array:
    """Score rows in padded chunks of one shape.

    A matrix product of another shape may round otherwise, and a row's number must not depend on
    the rows beside it.
    """
    scores = np.empty(len(x))
    for start in range(0, len(x), CHUNK):
        rows = x[start : start + CHUNK]
        padded = np.concatenate([rows, np.repeat(rows[:1], CHUNK - len(rows), axis=0)])
        scores[start : start + CHUNK] = score(padded)[: len(rows)]
    return scores


def log_sum_exp(joint: Array) -> Array:
    """log Σ_k exp(joint_k): (n, k) → (n,)."""
    top = joint.max(1)
    total: Array = top + np.log(np.exp(joint - top[:, None]).sum(1))
    return total


# ── Checks of rows ───────────────────────────────────────────────────────────────────────────────


def real_rows(x: ArrayLike, columns: int | None = None) -> Array:
    """`x` as finite numbers (n, d), of so many columns, or an error."""
    array = np.asarray(x, np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"x: expected rows (n, d), found shape {array.shape}; reshape it")
    if columns is not None and array.shape[1] != columns:
        raise ValueError(
            f"x has {array.shape[1]} columns: the baseline was fitted to {columns}; "
            "score rows of the same kind"
        )
    finite = np.isfinite(array).all(0)
    if not finite.all():
        raise ValueError(f"x: column {finite.argmin()} holds NaN or infinity; drop or fill those rows")
    return array


def whole_rows(x: ArrayLike, columns: int | None = None, highest: float = np.inf) -> Array:
    """`x` as whole numbers (n, d) from 0 to `highest`, or an error."""
    array = real_rows(x, columns)
    wrong = (array != np.floor(array)) | (array < 0) | (array > highest)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        most = f" up to {highest}" if np.isfinite(highest) else ""
        raise ValueError(
            f"x: row {row}, column {column} is {array[row, column]:g}: "
            f"expected whole numbers from 0{most}; choose a kind that fits the data"
        )
    return array


# ── Checks of parameters, which may come from a file ─────────────────────────────────────────────


def check_arrays(density: object, *positive: str, **shapes: tuple[int, ...]) -> None:
    """Arrays of a density are finite floats of these shapes; weights are a distribution."""
    for name, shape in shapes.items():
        array = getattr(density, name)
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name}: expected an array of floats {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers")
        if name in (*positive, "weights") and not (array > 0).all():
            raise ValueError(f"{name}: expected positive numbers")
        if name == "weights" and not np.isclose(array.sum(), 1):
            raise ValueError("weights: expected a sum of 1")


def check_whole(density: object, **least: int) -> None:
    """Fields of a density are whole numbers, each at least so high."""
    for name, lowest in least.items():
        value = getattr(density, name)
        if type(value) is not int or value < lowest:
            raise ValueError(f"{name}: expected a whole number of at least {lowest}, found {value!r}")
