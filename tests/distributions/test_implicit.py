"""Samples of gamma variables are differentiated implicitly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from lowerbound.distributions.implicit import log_gamma_sample

from ..tables import cases

slopes = jax.jit(jax.vmap(jax.value_and_grad(lambda a, key: log_gamma_sample(key, a)), (None, 0)))


@pytest.mark.parametrize("a", cases([1e-3, 0.01, 0.1, 1.0, 30.0, 9e3], fast=[1e-3, 30.0]))
def test_log_gamma_sample_has_the_mean_gradient_of_the_mean(a):
    """d/da E[log g] = ψ′(a), within 4.5 standard errors of 20,000 samples. `jax.random.loggamma` gives 8e4 in
    place of 1e6 at a = 0.001, and 5.8e3 in place of 1e4 at a = 0.01."""
    _, slope = slopes(jnp.float32(a), jax.random.split(jax.random.key(0), 20_000))
    slope = np.asarray(slope, np.float64)
    assert abs(slope.mean() - special.polygamma(1, a)) < 4.5 * slope.std() / np.sqrt(slope.size)


@pytest.mark.parametrize(("x64", "dtype", "tolerance"), [(False, np.float32, 3e-4), (True, np.float64, 2e-6)])
def test_gradient_of_every_sample_is_the_implicit_one(x64, dtype, tolerance):
    """∂g/∂a at a fixed probability, by central differences of SciPy's inverse distribution functions."""
    with jax.enable_x64(x64):
        for a in np.array([0.05, 0.5, 3, 40, 1000], dtype):
            log_g, slope = slopes(jnp.asarray(a), jax.random.split(jax.random.key(2), 300))
            assert slope.dtype == dtype
            a, g, h = float(a), np.exp(np.asarray(log_g, np.float64)), 1e-5 * float(a)
            u, rest = special.gammainc(a, g), special.gammaincc(a, g)
            lower, upper = (
                (inverse(a + h, p) - inverse(a - h, p)) / (2 * h * g)
                for inverse, p in ((special.gammaincinv, u), (special.gammainccinv, rest))
            )
            kept = g > 1e-30
            np.testing.assert_allclose(slope[kept], np.where(u < 0.5, lower, upper)[kept], rtol=tolerance)
