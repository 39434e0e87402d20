"""Special functions keep their digits in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from lowerbound.distributions.special import (
    digamma_error,
    log_inverse_mills,
    log_ndtr,
    stirling_error,
)


@pytest.mark.parametrize(("x64", "atol"), [(False, 3e-6), (True, 1e-12)])
def test_what_stirlings_formula_leaves_out(x64, atol):
    """Against SciPy in float64, on both sides of 10, where the formula changes."""
    x = np.array([0.01, 0.1, 0.5, 1, 1.5, 3, 9.9, 10, 10.1, 30, 1e3])
    loss = special.gammaln(x) - (x - 0.5) * np.log(x) + x - 0.5 * np.log(2 * np.pi)
    slope = special.digamma(x) - np.log(x) + 0.5 / x
    with jax.enable_x64(x64):
        x = jnp.asarray(x)
        np.testing.assert_allclose(stirling_error(x), loss, atol=atol, rtol=1e-6)
        np.testing.assert_allclose(digamma_error(x), slope, atol=atol, rtol=1e-6)
        np.testing.assert_allclose(jax.vmap(jax.grad(stirling_error))(x), slope, atol=10 * atol, rtol=1e-6)


@pytest.mark.parametrize(("x64", "rtol"), [(False, 3e-6), (True, 1e-12)])
def test_the_normal_distribution_function_has_its_derivative_far_out(x64, rtol):
    """φ(x)/Φ(x) = √(2/π) / erfcx(−x/√2), which SciPy has without loss."""
    x = np.array([-1e8, -1e5, -3e4, -1e3, -30, -10.1, -9.9, -5, -1, 0, 1, 5])
    slope = np.sqrt(2 / np.pi) / special.erfcx(-x / np.sqrt(2))
    with jax.enable_x64(x64):
        x = jnp.asarray(x)
        np.testing.assert_allclose(jnp.exp(log_inverse_mills(x)), slope, rtol=2 * rtol)
        np.testing.assert_allclose(jax.vmap(jax.grad(log_ndtr))(x), slope, rtol=2 * rtol)
        second = jax.vmap(jax.grad(jax.grad(log_ndtr)))(x[-6:])
        np.testing.assert_allclose(second, -slope[-6:] * (slope[-6:] + x[-6:]), rtol=200 * rtol)
