"""Correlated Gaussians: where they start, the way back from a covariance, and their densities far out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb

from ..tables import cases


@pytest.mark.parametrize("d", cases([2, 10, 60, 200], fast=[10]))
def test_a_fresh_network_puts_out_a_full_gaussian_near_the_diagonal_one(d):
    """Numbers of order 1 below the diagonal: L/σ makes no direction 5 times as long or a fifth, for any d,
    and draws of N(μ, diag σ²) keep their log-density to half a nat a dimension."""
    family = lb.FullGaussian(d)
    v = jax.random.normal(jax.random.key(d), (family.size,))
    q, diagonal = family(v), lb.DiagonalGaussian(d)(jnp.concatenate([v[:d], 2 * v[d : 2 * d]]))
    lengths = np.linalg.svd(q.scale_tril / jnp.exp(v[d : 2 * d, None]), compute_uv=False)
    assert lengths.max() < 5
    assert lengths.min() > 0.2
    z = diagonal.sample(jax.random.key(0), (100,))
    assert abs((q.log_prob(z) - diagonal.log_prob(z)).mean()) < 0.5 * d


@pytest.mark.slow
def test_a_likelihood_of_many_columns_learns_from_its_first_step():
    """In 12 steps, on noise; with entries of order 1 below the diagonal of L the bound was no number."""
    d = 120
    x = np.random.default_rng(0).normal(size=(256, d)).astype(np.float32)
    latent, columns = lb.DiagonalGaussian(2), lb.FullGaussian(d)
    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    model = lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(d, latent.size, width=16, key=k1), latent),
        lb.Conditional(lb.MLP(2, columns.size, width=16, key=k2), columns),
    )
    history = lb.fit(model, x, epochs=3, batch_size=64, key=k3).history
    assert -2 * d < history[-1]["bound"] < 0  # −1.4 d is the best there is


@pytest.mark.parametrize("d", [1, 4])
def test_the_vector_of_a_covariance_is_the_way_back(d):
    rng = np.random.default_rng(d)
    mean, L = rng.normal(size=d), np.linalg.cholesky(np.cov(rng.normal(size=(d, 4 * d))).reshape(d, d))
    q = lb.FullGaussian(d)(lb.FullGaussian(d).vector(mean, L))
    np.testing.assert_allclose(q.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(q.scale_tril, L, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("out", cases([1.0, 1e3, 1e8, 1e15], fast=[1e15]))
@pytest.mark.parametrize(
    "family", [lb.FullGaussian(4), lb.LowRankGaussian(4, 2)], ids=lambda f: type(f).__name__
)
def test_a_density_far_out_is_that_of_scipy(family, out):
    """To 1e-4 of itself, where float32's squares are no numbers any more; rows together and alone."""
    q = family(0.7 * jax.random.normal(jax.random.key(0), (family.size,)))
    x = out * np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    Sigma = np.asarray(q.covariance_matrix, np.float64)
    exact = stats.multivariate_normal(np.asarray(q.mean, np.float64), Sigma).logpdf(x.astype(np.float64))
    together, alone = jax.jit(lambda x: (q.log_prob(x), jnp.stack([q.log_prob(row) for row in x])))(x)
    np.testing.assert_allclose(together, exact, rtol=1e-4)
    np.testing.assert_allclose(together, alone, rtol=1e-5)
