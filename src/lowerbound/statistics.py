"""Means over rows, their standard errors, and differences paired over rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

__all__ = [
    "Difference",
    "PrincipalAxes",
    "RunningMean",
    "paired_difference",
    "principal_axes",
    "standard_error_of_mean",
]


def standard_error_of_mean(
    values: Float[np.ndarray, " n"],
    noise: Float[np.ndarray, " n"] | None = None,
    group: Int[np.ndarray, " n"] | None = None,
) -> float:
    """Standard deviation over √n; NaN for a single value, which has no error of its own.

    Values that have `noise` of their own, of this standard deviation each, show it in their deviation as if
    no two shared it: where those of a `group` do, what that leaves out is added.

    >>> standard_error_of_mean(np.array([1.0, 3.0]))
    1.0
    >>> standard_error_of_mean(np.array([1.0, 1.0]), np.array([0.1, 0.1]), np.array([0, 0]))
    0.0707...
    """
    n = len(values)
    if n < 2:
        return math.nan
    variance = values.var(ddof=1) / n
    if noise is not None and group is not None:
        variance += (np.bincount(group, weights=noise) ** 2).sum() / n**2 - (noise**2).sum() / n**2
    return math.sqrt(variance)


class Difference(NamedTuple):
    """A mean difference over rows and its standard error."""

    difference: float
    standard_error: float


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    noise: Float[np.ndarray, " n"] | None = None,
    group: Int[np.ndarray, " n"] | None = None,
) -> Difference:
    """Mean of a − b over the same rows, one number a row each, and its standard error, sd(a − b)/√n.

    What rows share (an easy one is easy for every model) drops out of the difference. `noise`, `group`: as
    in [`standard_error_of_mean`][], for numbers that were estimated.

    **Raises:** `ValueError` for other shapes.

    >>> mean, error = paired_difference([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    >>> mean, error
    (1.0, 0.0)
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or a.size == 0:
        raise ValueError(f"expected two arrays (n,) of the same rows, found shapes {a.shape} and {b.shape}")
    return Difference(float((a - b).mean()), standard_error_of_mean(a - b, noise, group))


@dataclass
class RunningMean:
    """The mean of values that come a few at a time, and its standard error, none of them kept (Chan, Golub,
    LeVeque 1983).

    >>> running = RunningMean()
    >>> running.add(np.array([1.0, 3.0]))
    >>> running.add(np.array([5.0]))
    >>> running.mean, round(running.standard_error, 4)
    (3.0, 1.1547)
    """

    count: int = 0
    mean: float = math.nan
    squares: float = 0.0  # Σ (x − mean)²

    def add(self, values: Float[np.ndarray, " n"]) -> None:
        """These values besides those that are in it."""
        if not len(values):
            return
        n, mean = len(values), float(values.mean())
        before, self.count = self.count, self.count + n
        apart = mean - self.mean if before else 0.0
        self.mean = self.mean + apart * n / self.count if before else mean
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * before * n / self.count

    @property
    def standard_error(self) -> float:
        """Standard deviation over √n; NaN for fewer than two values."""
        if self.count < 2:
            return math.nan
        return math.sqrt(self.squares / (self.count - 1) / self.count)


class PrincipalAxes(NamedTuple):
    """The mean of rows, the directions in which they vary, from the one of the most variance on, a row each,
    and the `share` of the variance that each has."""

    mean: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "d d"]
    share: Float[np.ndarray, " d"]


def principal_axes(x: Float[np.ndarray, "n d"]) -> PrincipalAxes:
    """The eigenvectors of the covariance of rows; of each axis the largest entry is positive.

    >>> found = principal_axes(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    >>> found.axes[0].round(2).tolist(), found.share.round(2).tolist()
    ([0.71, 0.71], [1.0, 0.0])
    """
    mean = x.mean(axis=0, dtype=float)
    centred = x - mean
    variance, columns = np.linalg.eigh(centred.T @ centred / len(x))
    variance, axes = np.maximum(variance[::-1], 0), columns.T[::-1]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    total = max(float(variance.sum()), np.finfo(float).tiny)
    return PrincipalAxes(mean, axes * np.sign(largest)[:, None], variance / total)
