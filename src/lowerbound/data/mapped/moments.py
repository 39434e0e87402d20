"""Moments of columns from blocks of rows, each looked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Shaped

__all__ = ["Moments"]


@dataclass(frozen=True)
class Moments:
    """How many values were observed in each of d columns, their means, and the sums of their squared
    deviations, in float64; the least and the greatest.

    Two sets of rows are put together by the update of Chan, Golub and LeVeque (1979): with δ the difference
    of the means, Σ(x − x̄)² of both is Σ₁ + Σ₂ + δ² n₁n₂/(n₁ + n₂), whatever the size of the mean.

    >>> x = 1e8 + np.arange(6.0).reshape(3, 2)
    >>> moments = Moments.of(x[:1]).with_those(Moments.of(x[1:]))
    >>> moments.count.tolist(), moments.mean.tolist(), moments.deviation.round(3).tolist()
    ([3, 3], [100000002.0, 100000003.0], [1.633, 1.633])
    """

    count: np.ndarray
    mean: Float[np.ndarray, " d"]
    squares: Float[np.ndarray, " d"]
    low: Float[np.ndarray, " d"]
    high: Float[np.ndarray, " d"]

    @classmethod
    def of(cls, x: Shaped[np.ndarray, "n d"]) -> Self:
        """Those of some rows, NaN left out."""
        real = np.asarray(x, np.float64)
        hole = np.isnan(real)
        count = len(real) - hole.sum(0)
        if not hole.any():
            mean = real.mean(0)
            return cls(count, mean, ((real - mean) ** 2).sum(0), real.min(0), real.max(0))
        at_least_1 = np.maximum(count, 1)
        mean = np.where(hole, 0.0, real).sum(0) / at_least_1
        squares = np.where(hole, 0.0, (real - mean) ** 2).sum(0)
        return cls(count, mean, squares, np.fmin.reduce(real, axis=0), np.fmax.reduce(real, axis=0))

    def with_those(self, other: Moments) -> Moments:
        """Those of both sets of rows."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        between = other.mean - self.mean
        return Moments(
            count,
            self.mean + between * share,
            self.squares + other.squares + between**2 * self.count * share,
            np.fmin(self.low, other.low),
            np.fmax(self.high, other.high),
        )

    @property
    def deviation(self) -> Float[np.ndarray, " d"]:
        """The standard deviation of each column, over n; exactly 0 where it has one value."""
        spread = np.sqrt(self.squares / np.maximum(self.count, 1))
        return np.where(self.low == self.high, 0.0, spread)
