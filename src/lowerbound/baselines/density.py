"""What a baseline is, how two are compared, and what all kinds share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol, TypeVar, get_type_hints

import numpy as np
from jaxtyping import jaxtyped
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Array",
    "Density",
    "check",
    "converged",
    "in_chunks",
    "log_sum_exp",
    "nearest_of",
    "paired_difference",
    "real",
    "whole",
]

Array = NDArray[np.float64]
Mixture = TypeVar("Mixture")

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
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or a.size < 2:
        raise ValueError(
            f"expected two arrays (n,) of the same rows, n > 1, found shapes {a.shape} and {b.shape}"
        )
    difference = a - b
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(difference.size))


def nearest_of(x: Array, components: int, seed: int) -> Array:
    """Responsibilities (n, k) for EM to start from: 1 for the nearest of `components` random rows of x."""
    centres = x[np.random.default_rng(seed).choice(len(x), components, replace=False)]
    return np.eye(components)[((centres**2).sum(1) / 2 - x @ centres.T).argmin(1)]


def converged(iterations: Iterator[tuple[Mixture, float]], rows: int, steps: int) -> Mixture:
    """The mixture after the first step of EM that gains under 1e-4 nats a row, or after `steps`."""
    last = -np.inf
    for mixture, objective in islice(iterations, steps):  # noqa: B007
        if objective - last < 1e-4 * rows:
            break
        last = objective
    return mixture


def in_chunks(score: Callable[[Array], Array], x: Array) -> Array:
    """Score rows in padded chunks of one shape.

    A matrix product of another shape may round otherwise, and a row's number must not depend on the rows
    beside it.
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
    return top + np.log(np.exp(joint - top[:, None]).sum(1))


def real(x: ArrayLike, columns: int | None = None) -> Array:
    """`x` as rows (n, d) of finite numbers, d = `columns` where that is given, or an error."""
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


def whole(x: ArrayLike, columns: int | None = None, most: float = np.inf) -> Array:
    """`x` as rows (n, d) of whole numbers from 0 to `most`, or an error."""
    array = real(x, columns)
    said = f" to {most:g}" if np.isfinite(most) else ""
    wrong = (array != np.floor(array)) | (array < 0) | (array > most)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"x: row {row}, column {column} is {array[row, column]:g}: "
            f"expected whole numbers from 0{said}; take a family that fits the data"
        )
    return array


def check(density: Any, *signed: str) -> None:
    """The fields of a density, which may come from a file, are what their annotations say, shapes included.

    Numbers are finite, and positive unless they are `signed`; weights sum to 1.
    """
    kinds = get_type_hints(type(density))
    with jaxtyped("context"):  # every d is one number
        for name, value in vars(density).items():
            kind, lowest = kinds[name], -np.inf if name in signed else 0
            if not isinstance(value, kind):
                found = f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else repr(value)
                raise ValueError(f"{name}: expected {getattr(kind, '__name__', kind)}, found {found}")
            if isinstance(value, int | np.ndarray) and not np.all((lowest < value) & (value < np.inf)):
                raise ValueError(f"{name}: expected finite numbers above {lowest}")
            if name == "weights" and not np.isclose(value.sum(), 1):
                raise ValueError("weights: expected a sum of 1")
