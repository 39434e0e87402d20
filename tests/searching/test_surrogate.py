"""The Gaussian process and what is drawn from it, against the closed form."""

import numpy as np
import pytest

from lowerbound.searching.surrogate import Surrogate
from lowerbound.searching.told import Told, normal_scores

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(30, 2))
Y = np.sin(Z[:, 0]) + 0.1 * RNG.normal(size=30)
NEW = RNG.normal(size=(5, 2))


@pytest.fixture(scope="module")
def process():
    return Surrogate.of(Z, Y, np.random.default_rng(0))


def kernel(a, b, scale, length):
    r = np.sqrt(5) * np.linalg.norm(a[:, None] - b[None], axis=-1) / length
    return scale * (1 + r + r**2 / 3) * np.exp(-r)


def closed_form(process):
    """Mean and covariance of f at NEW: K*(K + σ²)⁻¹y and K** − K*(K + σ²)⁻¹K*ᵀ."""
    scale, length, noise = process.hyperparameters
    own = kernel(Z, Z, scale, length) + noise * np.eye(len(Z))
    across = kernel(NEW, Z, scale, length)
    mean = across @ np.linalg.solve(own, Y)
    return mean, kernel(NEW, NEW, scale, length) - across @ np.linalg.solve(own, across.T)


def test_draws_have_the_mean_and_the_covariance_of_f_given_the_scores(process):
    mean, covariance = closed_form(process)
    n = 20_000
    draws = process.draws(NEW, n, np.random.default_rng(1))
    assert (np.abs(draws.mean(0) - mean) < 5 * np.sqrt(covariance.diagonal() / n)).all()
    variances = np.outer(covariance.diagonal(), covariance.diagonal())
    error = np.sqrt((variances + covariance**2) / n)  # of a covariance of normal draws
    assert (np.abs(np.cov(draws.T) - covariance) < 5 * error + 1e-5).all()


def test_the_mean_and_its_slope(process):
    mean, _ = closed_form(process)
    np.testing.assert_allclose(process.mean(NEW), mean, rtol=1e-6)
    step = 1e-5 * np.eye(2)
    differences = [(process.mean(NEW + e) - process.mean(NEW - e)) / 2e-5 for e in step]
    np.testing.assert_allclose(process.slope(NEW), np.stack(differences, axis=1), atol=1e-6)


def test_noise_is_told_from_the_function(process):
    assert 0.001 < process.hyperparameters[2] < 0.1
    assert np.abs(process.mean(Z) - np.sin(Z[:, 0])).mean() < 0.2


def test_of_many_codes_some_fit_the_kernel_and_all_are_conditioned_on():
    z = RNG.normal(size=(400, 2))
    process = Surrogate.of(z, np.sin(z[:, 0]), np.random.default_rng(0))
    assert len(process.process.X_train_) == 400


def test_scores_are_ranked_nan_last_and_equal_ones_alike():
    scores = normal_scores(np.array([3.0, np.nan, 1e9, 3.0]))
    assert scores[1] < scores[0] == scores[3] < scores[2]
    np.testing.assert_allclose(scores[2], -scores[1])


def test_the_best_are_told_first():
    told = Told()
    told.add(np.array([[0.0], [1.0]]), np.array([np.nan, 2.0]))
    told.add(np.array([[2.0]]), np.array([3.0]))
    assert told.best(3).ravel().tolist() == [2.0, 1.0, 0.0]
