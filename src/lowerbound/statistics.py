"""The standard error of a mean over rows."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

__all__ = ["standard_error_of_mean"]


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
