"""Levels of 8 bits as numbers from 0 to 1."""

from __future__ import annotations

import numpy as np

__all__ = ["LEVEL", "off_level"]

# From one level to the next, and how near to one, in levels, a number has to be.
LEVEL, _NEAR = 1 / 255, 1e-3


def off_level(values: np.ndarray) -> np.ndarray:
    """Which values lie between two levels; a missing one does not.

    >>> off_level(np.array([0.0, 3 / 255, 0.5, np.nan])).tolist()
    [False, False, True, False]
    """
    levels = np.asarray(values, np.float64) / LEVEL
    return np.asarray(np.abs(levels - np.rint(levels)) > _NEAR)
