"""What a baseline is, and what all kinds share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, get_type_hints, runtime_checkable

import numpy as np
from jaxtyping import jaxtyped
from numpy.typing import ArrayLike, NDArray
from numpyro.distributions import constraints

from lowerbound.data.chunks import CHUNK, padded
from lowerbound.data.inside import check_support
from lowerbound.data.numbers import as_rows

__all__ = [
    "Array",
    "Density",
    "check",
    "log_sum_exp",
    "of_rows",
    "real",
    "whole",
]

Array = NDArray[np.float64]
_COUNTS = constraints.nonnegative_integer


@runtime_checkable
class Density(Protocol):
    """What a baseline is: a log-density per row, and one line that says what it is."""

    @property
    def note(self) -> str: ...

    def log_prob(self, x: ArrayLike) -> Array: ...


def of_rows(score: Callable[[Array], Array], x: Array) -> Array:
    """A number a row, scored in chunks of one shape."""
    return np.concatenate([score(block)[:count] for count, block in padded(x, CHUNK)])


def log_sum_exp(joint: Array) -> Array:
    """log Σ_k exp(joint_k): (n, k) → (n,)."""
    top = joint.max(1)
    return top + np.log(np.exp(joint - top[:, None]).sum(1))


def real(x: ArrayLike, columns: int | None = None) -> Array:
    """`x` as rows (n, d) of finite numbers, d = `columns` where that is given, or an error."""
    rows = as_rows(x)
    if columns is not None and rows.shape[1] != columns:
        raise ValueError(
            f"x has {rows.shape[1]} columns: the baseline was fitted to {columns}; "
            "score rows of the same kind"
        )
    return np.asarray(x, np.float64)  # where the rows were rounded to float32, they are not here


def whole(x: ArrayLike, columns: int | None = None, most: float = np.inf) -> Array:
    """`x` as rows (n, d) of whole numbers from 0 to `most`, or an error."""
    rows = real(x, columns)
    counts = constraints.integer_interval(0, int(most)) if np.isfinite(most) else _COUNTS
    check_support(rows, counts, of="baseline")
    return rows


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
