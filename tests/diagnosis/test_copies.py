"""How near samples lie to training rows."""

import numpy as np
import pytest
from scipy.stats import norm

from lowerbound.diagnosis.copies import nearest, nearness


def test_nearest_is_the_least_distance():
    rng = np.random.default_rng(0)
    rows, among = rng.normal(size=(70, 5)), rng.normal(size=(33, 5))
    index, distance = nearest(rows, among, chunk=16)
    apart = np.linalg.norm(rows[:, None] - among, axis=2)
    np.testing.assert_array_equal(index, apart.argmin(1))
    np.testing.assert_allclose(distance, apart.min(1))


def test_nearness_of_two_gaussians():
    """P(a < b) = Φ((μ_b − μ_a)/√2); the errors said are those seen over repetitions."""
    rng = np.random.default_rng(0)
    said = [nearness(rng.normal(size=80), rng.normal(0.7, 1, size=120)) for _ in range(400)]
    estimates, errors = np.array(said).T
    exact, spread = norm.cdf(0.7 / np.sqrt(2)), estimates.std(ddof=1)
    assert abs(estimates.mean() - exact) < 4 * spread / 20
    assert errors.mean() == pytest.approx(spread, rel=4 / np.sqrt(2 * 400))


def test_copies_are_seen():
    rng = np.random.default_rng(0)
    train, held, new = rng.normal(size=(3, 200, 4))
    distances = [nearest(rows, train)[1] for rows in (train + 1e-3, held, new)]
    assert nearness(distances[0], distances[1])[0] == 1
    share, error = nearness(distances[2], distances[1])
    assert abs(share - 0.5) < 4 * error
