"""Whether samples are copies of training rows: how near they lie to them."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from lowerbound.statistics import standard_error_of_mean

__all__ = ["nearest", "nearness"]


def nearest(
    rows: Float[np.ndarray, "n d"], among: Float[np.ndarray, "m d"], chunk: int = 64
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Of each row, which one of `among` is nearest to it, and its distance: the least √Σᵢ(xᵢ − yᵢ)².

    >>> nearest(np.array([[0.0, 0.9]]), np.array([[0.0, 0.0], [0.0, 1.0]]))
    (array([1]), array([0.1]))
    """
    lengths = (among**2).sum(1)
    found = [(lengths - 2 * rows[i : i + chunk] @ among.T).argmin(1) for i in range(0, len(rows), chunk)]
    index = np.concatenate(found)
    return index, np.sqrt(((rows - among[index]) ** 2).sum(1))


def nearness(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> tuple[float, float]:
    """P(a < b) + ½ P(a = b) of two independent draws, with its standard error (DeLong et al. 1988).

    Of the distances of samples (a) and of held-out rows (b) to the nearest training row it is ½ where both
    are of one distribution, and near 1 where samples are copies (Meehan et al. 2020, A Non-Parametric Test
    to Detect Data-Copying in Generative Models).

    >>> nearness(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    (1.0, 0.0)
    """
    below = (a[:, None] < b) + 0.5 * (a[:, None] == b)
    errors = standard_error_of_mean(below.mean(1)), standard_error_of_mean(below.mean(0))
    return float(below.mean()), math.hypot(*errors)
