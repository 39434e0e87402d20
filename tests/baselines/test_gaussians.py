"""Gaussian mixtures against scipy and scikit-learn; dequantised bounds that are bounds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import logsumexp

from lowerbound.baselines import fit_baselines
from lowerbound.baselines.gaussians import Dequantized, FactorMixture, FullGaussianMixture, fit_factors

from .clusters import COUNTED, TRIALS, grid


def test_gaussians_agree_with_scipy():
    rng = np.random.default_rng(0)
    shift, scale, w = rng.normal(size=3), rng.gamma(2.0, size=3), np.array([0.4, 0.6])
    means, noise = rng.normal(size=(2, 3)), rng.gamma(1.0, size=(2, 3))
    loadings, x = rng.normal(size=(2, 3, 2)), rng.normal(size=(50, 3))
    covariances = [loadings[k] @ loadings[k].T + np.diag(noise[k]) for k in range(2)]
    expected = logsumexp(
        [
            np.log(w[k])
            + stats.multivariate_normal(
                shift + scale * means[k], np.diag(scale) @ covariances[k] @ np.diag(scale)
            ).logpdf(x)
            for k in range(2)
        ],
        axis=0,
    )
    low_rank = FactorMixture(shift, scale, w, means, noise, loadings, "")
    roots = np.stack([np.linalg.inv(np.linalg.cholesky(c)).T for c in covariances])
    full = FullGaussianMixture(shift, scale, w, means, roots, "")
    assert_allclose(low_rank.log_prob(x), expected, rtol=1e-10)
    assert_allclose(full.log_prob(x), expected, rtol=1e-10)


def test_factor_analysis_is_that_of_scikit_learn():
    """Also through the compressed rows, and after a change of units."""
    from sklearn.decomposition import FactorAnalysis

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(400, 8))
    z = (x - x.mean(0)) / x.std(0)
    expected = FactorAnalysis(2, random_state=0, max_iter=5000, tol=1e-8).fit(z).score_samples(z)
    found = fit_factors(x, 2, seed=0).log_prob(x) + np.log(x.std(0)).sum()
    assert_allclose(found.mean(), expected.mean(), atol=1e-3)


def test_a_change_of_units_changes_the_density_by_its_jacobian():
    x = np.random.default_rng(0).normal(size=(200, 3))
    unit, milli = fit_baselines(x), fit_baselines(1e3 * x + 7e5)
    for name in unit:
        assert_allclose(
            milli[name].log_prob(1e3 * x + 7e5), unit[name].log_prob(x) - 3 * np.log(1e3), rtol=1e-5
        )


@pytest.mark.parametrize("kind", COUNTED)
@pytest.mark.parametrize("name", ["factor-analysis", "gaussian-mixture-full"])
def test_dequantised_bounds_sum_to_at_most_one(fitted, kind, name):
    density = fitted[kind][0][name]
    assert logsumexp(density.log_prob(grid(TRIALS[kind]))) < 0


@pytest.mark.thorough
def test_dequantised_gaussian_is_below_the_integrated_probability():
    """In one dimension log P(x) = log(Φ(x+1) - Φ(x)); the bound's expectation by quadrature."""
    mean, sd = 2.3, 1.4
    normal = FullGaussianMixture(
        np.array([mean]), np.array([sd]), np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), ""
    )
    x, draws = np.arange(7.0)[:, None], 20_000
    bound = Dequantized(normal, seed=0, draws=draws).log_prob(x)
    u = (np.arange(1000) + 0.5) / 1000
    each = stats.norm(mean, sd).logpdf(x + u)
    assert (np.abs(bound - each.mean(1)) < 4 * each.std(1) / np.sqrt(draws)).all()
    exact = np.log(np.diff(stats.norm(mean, sd).cdf(np.arange(8.0))))
    assert (each.mean(1) < exact).all()
    assert (bound < exact).all()
