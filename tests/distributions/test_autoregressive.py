"""Numbers one after the other, each of a mixture that those before it choose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb
from lowerbound.distributions.autoregressive import AutoregressiveMixture

Z = np.asarray([[0.3, -1.0, 2.5], [2.0, 0.5, -0.1]], np.float32)
KEY = jax.random.key(3)


def network(d, members):
    return lb.MaskedMLP(d, 3 * members, width=8, depth=1, key=jax.random.key(0))


def of_zeros(d, members):
    return AutoregressiveMixture(jax.tree.map(jnp.zeros_like, network(d, members)))


def of_numbers(d, members):
    """With biases and weights that are no special numbers."""
    return AutoregressiveMixture(jax.tree.map(lambda leaf: 0.5 * leaf + 0.1, network(d, members)))


def start(members):
    """The middles of K equal parts of N(0, 1), of a variance of ½, and the log variance of each member."""
    middles = stats.norm.ppf((np.arange(members) + 0.5) / members)
    return (middles, 0.0) if members == 1 else (middles * np.sqrt(0.5 / (middles**2).mean()), np.log(0.5))


def test_of_one_member_and_a_network_of_zeros_is_the_standard_normal():
    p = of_zeros(3, 1)
    np.testing.assert_allclose(p.log_prob(Z), stats.norm.logpdf(Z).sum(axis=1), rtol=1e-5)


def test_of_several_members_a_network_of_zeros_has_the_mean_0_and_the_variance_1():
    """By the midpoint rule, to 1e-4."""
    p, ends = of_zeros(1, 4), np.linspace(-9, 9, 4001)
    z = (ends[1:] + ends[:-1]) / 2
    mass = np.exp(np.asarray(jax.jit(p.log_prob)(z[:, None].astype(np.float32)), np.float64)) * np.diff(ends)
    np.testing.assert_allclose([mass.sum(), mass @ z, mass @ z**2], [1, 0, 1], atol=1e-4)


@pytest.mark.parametrize("members", [1, 3])
def test_is_a_product_of_mixtures_that_those_before_choose(members):
    """log p(z) = Σᵢ log Σₖ πᵢₖ N(zᵢ; mₖ + μᵢₖ, s² σᵢₖ²) by SciPy, with the numbers that the network says."""
    p = of_numbers(3, members)
    middles, log_scale = start(members)
    expected = []
    for z in Z:
        logits, means, log_variances = np.split(np.asarray(p.network(jnp.asarray(z)), np.float64), 3, axis=1)
        weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        scale = np.exp((log_variances + log_scale) / 2)
        members_of = stats.norm.pdf(z[:, None], middles + means, scale)
        expected.append(np.log((weights * members_of).sum(1)).sum())
    np.testing.assert_allclose(p.log_prob(Z), expected, rtol=1e-4)


@pytest.fixture(scope="module")
def plane():
    """A member over the plane, and its masses in a grid, by the midpoint rule."""
    p, ends = of_numbers(2, 3), np.linspace(-12, 12, 481)
    middles = (ends[1:] + ends[:-1]) / 2
    grid = np.stack(np.meshgrid(middles, middles, indexing="ij"), -1).reshape(-1, 2)
    mass = np.exp(np.asarray(jax.jit(p.log_prob)(grid.astype(np.float32)), np.float64)) * 0.05**2
    return p, grid, mass


def test_the_density_makes_1(plane):
    _, _, mass = plane
    assert mass.sum() == pytest.approx(1, abs=1e-3)


def test_samples_fall_where_the_density_is(plane):
    """χ² of 4,000 draws in 16 cells, whose ends are near the quartiles: no less probable than 1e-4."""
    p, grid, mass = plane
    z = np.asarray(jax.jit(lambda key: p.sample(key, (4000,)))(KEY))
    quartiles = np.quantile(z, [0.25, 0.5, 0.75], axis=0).round(1)

    def counts(z, weight=None):
        cell = [np.searchsorted(quartiles[:, i], z[:, i]) for i in (0, 1)]
        return np.bincount(4 * cell[0] + cell[1], weight, minlength=16)

    expected = counts(grid, mass)
    assert stats.chisquare(counts(z), 4000 * expected / expected.sum()).pvalue > 1e-4


def test_mean_and_variance_are_those_of_256_draws(plane):
    """Within 5 standard errors of the density's, and the same at every call."""
    p, grid, mass = plane
    mean = mass @ grid
    deviation = np.sqrt(mass @ (grid - mean) ** 2)
    assert (np.abs(p.mean - mean) < 5 * deviation / 16).all()
    assert (np.abs(np.sqrt(p.variance) / deviation - 1) < 0.5).all()
    np.testing.assert_array_equal(p.mean, p.mean)


def test_shapes():
    p = of_zeros(3, 2)
    assert p.log_prob(jnp.zeros((4, 5, 3))).shape == (4, 5)
    assert p.log_prob(jnp.zeros(3)).shape == ()
    assert p.sample(KEY, (2, 4)).shape == (2, 4, 3)
    assert p.sample(KEY).shape == p.event_shape == (3,)
