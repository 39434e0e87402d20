"""Contours that enclose a share of the mass."""

import numpy as np
import pytest

from lowerbound.serve.explorer.contours import SHARES, contours


def area(line):
    """Of a closed line, by the shoelace formula."""
    x, y = line.T
    return abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


@pytest.mark.parametrize("scale", [(1.0, 1.0), (5.0, 0.2)])
def test_areas_of_a_gaussian(scale):
    """N(0, diag σ²): the region of mass s has the area −2π log(1 − s) σ₁ σ₂."""
    points = np.random.default_rng(0).normal(size=(50_000, 2)) * scale
    for contour in contours(points):
        expected = -2 * np.pi * np.log(1 - contour.share) * np.prod(scale)
        assert sum(map(area, contour.lines)) == pytest.approx(expected, rel=0.08)


def test_lines_hold_their_share():
    from matplotlib.path import Path

    random = np.random.default_rng(1)
    points = np.concatenate([random.normal(-4, 0.5, (4000, 2)), random.normal(4, 1.5, (8000, 2))])
    for contour in contours(points):
        inside = sum(Path(line).contains_points(points) for line in contour.lines)
        assert inside.mean() == pytest.approx(contour.share, abs=0.03)
    assert len(contours(points)[0].lines) >= 1


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((2, 2)), np.ones((50, 2))])
def test_hardly_any_points(points):
    assert len(contours(points)) in (0, len(SHARES))
