"""A score of synthetic rows with its error, which the rows' own influences give."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float

from lowerbound.text import with_error

__all__ = ["Influences", "Score", "mean"]


@dataclass(frozen=True)
class Score:
    """A score and its standard error over rows.

    >>> print(Score(0.9712, 0.0031))
    0.9712 ± 0.0031
    """

    value: float
    standard_error: float

    def __str__(self) -> str:
        return with_error(self.value, self.standard_error)


@dataclass(frozen=True)
class Influences:
    """A statistic T of real rows and synthetic ones, and how far each row moves it: the influence function of
    T at each row, whose mean over rows is 0.

    To first order T̂ − T is the sum of the means of the influences, so that with n real and m synthetic rows
    its variance is E[real²]/n + E[synthetic²]/m (Hampel 1974). The influences of a mean of statistics are the
    means of theirs: what columns share by being of the same rows is in its error.
    """

    value: float
    real: Float[np.ndarray, " n"]
    synthetic: Float[np.ndarray, " m"]

    @property
    def score(self) -> Score:
        """The statistic with its standard error."""
        variances = [(moved**2).mean() / len(moved) for moved in (self.real, self.synthetic)]
        return Score(self.value, math.sqrt(sum(variances)))


def mean(statistics: Collection[Influences]) -> Influences:
    """The mean of statistics of the same rows."""
    values, real, synthetic = zip(*((s.value, s.real, s.synthetic) for s in statistics), strict=True)
    moved = (reduce(np.add, rows) / len(rows) for rows in (real, synthetic))
    return Influences(float(np.mean(values)), *moved)
