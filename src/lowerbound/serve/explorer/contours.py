"""Where a share of the mass of a density lies, as lines in a plane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

__all__ = ["SHARES", "Contour", "contours"]

# The shares of the mass that lines enclose, and the cells of a side in which draws are counted.
SHARES, _CELLS = (0.5, 0.9), 96


class Contour(NamedTuple):
    """The lines, (points, 2) each, that enclose a `share` of the mass in the least area."""

    share: float
    lines: list[Float[np.ndarray, "points 2"]]


def contours(points: Float[np.ndarray, "n 2"], shares: tuple[float, ...] = SHARES) -> list[Contour]:
    """The regions of highest density of the distribution that points are drawn from, {x: p(x) ≥ c} that
    hold a `share` of the points (Hyndman 1996), p a Gaussian kernel density with Scott's bandwidth n^(−1/6) σ
    a coordinate.

    >>> draws = np.random.default_rng(0).normal(size=(20_000, 2))
    >>> (half,) = contours(draws, (0.5,))
    >>> radius = np.hypot(*half.lines[0].T)           # of N(0, I) half lies within √(2 log 2) = 1.18
    >>> bool(np.abs(radius - 1.18).max() < 0.15)
    True
    """
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter

    if len(points) < 3:
        return []
    inside = np.quantile(points, (0.001, 0.999), axis=0)
    bandwidth = np.maximum(points.std(axis=0) * len(points) ** (-1 / 6), 1e-6)
    low, high = inside[0] - 4 * bandwidth, inside[1] + 4 * bandwidth
    across, up = points.T.astype(float)
    counts, *edges = np.histogram2d(across, up, bins=_CELLS, range=np.stack([low, high], axis=1))
    cell = (high - low) / _CELLS
    density = gaussian_filter(counts, bandwidth / cell, mode="constant")
    x, y = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
    drawn = contour_generator(x, y, density.T)
    cells = np.clip(((points - low) / cell).astype(int), 0, _CELLS - 1)
    levels = np.quantile(density[tuple(cells.T)], 1 - np.array(shares))
    return [
        Contour(share, [np.asarray(line) for line in drawn.lines(level)])
        for share, level in zip(shares, levels, strict=True)
    ]
