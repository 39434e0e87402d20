"""Columns of which the values beyond an end were not observed: where they would lie."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import special

from lowerbound.distributions.margins import spikes

__all__ = ["End", "with_what_is_cut"]

End = Literal["high", "low"]

# What was cut lies no further out than so many times the range of what was observed.
_FARTHEST = 3.0
# Fewer values say nothing of a line.
_FEWEST = 8


def with_what_is_cut(column: Float[np.ndarray, " n"], end: End) -> Float[np.ndarray, " n"]:
    """A column of which the high or the low values are missing (NaN), with values in their places, in no
    order: those of a normal distribution that is cut at the end, or, where √x of what was observed is nearer
    to one, of its square (log x would go too far). The line of the observed quantiles against the normal ones
    goes on beyond the end; values that are far more frequent than their neighbours have no part in it. Of a
    column with too few others half a normal distribution of the width of its range follows.

    >>> whole = np.random.default_rng(0).normal(10.0, 2.0, 4000)
    >>> filled = with_what_is_cut(np.where(whole > 10, np.nan, whole), "high")
    >>> bool(abs(filled.mean() - 10) < 0.2), bool(abs(filled.std() - 2) < 0.2)
    (True, True)
    """
    gone = np.isnan(column)
    seen = column[~gone]
    if not gone.any() or not len(seen):
        return column
    sign = 1 if end == "high" else -1
    free = np.sort(sign * seen[~spikes(seen)])
    count, span = int(gone.sum()), float(np.ptp(seen)) or abs(float(seen[0])) or 1.0
    if len(np.unique(free)) < _FEWEST:
        normal = special.ndtri(0.5 + (np.arange(count) + 0.5) / (2 * count))
        beyond = (sign * seen).max() + span * normal
    else:
        normal = special.ndtri((np.arange(len(free) + count) + 0.5) / (len(free) + count))
        beyond = _beyond(free, sign, normal[: len(free)], normal[len(free) :])
    last = (sign * seen).max()
    filled = column.copy()
    filled[gone] = sign * np.clip(beyond, last, last + _FARTHEST * span)
    return filled


def _beyond(free: np.ndarray, sign: int, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The values at the upper normal quantiles, from those, in order, at the lower ones."""
    if (free * sign).min() >= 0:
        roots = sign * np.sqrt(sign * free)
        if _straight(roots, lower) > _straight(free, lower):
            return np.asarray(sign * np.maximum(sign * _along(roots, lower, upper), 0.0) ** 2)
    return _along(free, lower, upper)


def _along(y: np.ndarray, normal: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """The line through y over normal quantiles, at quantiles beyond them."""
    spread = normal.var()
    slope = np.mean((y - y.mean()) * (normal - normal.mean())) / spread if spread > 0 else 0.0
    return np.asarray(y.mean() + slope * (beyond - normal.mean()))


def _straight(y: np.ndarray, normal: np.ndarray) -> float:
    """How near to a line y over normal quantiles is: their correlation."""
    return float(np.corrcoef(y, normal)[0, 1]) if y[0] < y[-1] else 0.0
