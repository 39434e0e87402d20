"""Coordinates without bounds: the way there and back, and the Jacobian, from end to end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import constraints
from scipy import special, stats

from lowerbound.evidence.coordinates import bijection

U = np.linspace(-8.0, 8.0, 65).astype(np.float32)


def test_the_positive_numbers_are_exponential_where_u_is_normal():
    """z = −log Φ(−u), whose density is e^−z."""
    g = bijection(constraints.positive)
    z = np.asarray(g(jnp.asarray(U)), float)
    np.testing.assert_allclose(z, -special.log_ndtr(-U.astype(float)), rtol=1e-5)
    log_slope = np.asarray(g.log_abs_det_jacobian(jnp.asarray(U), jnp.asarray(z)))
    np.testing.assert_allclose(log_slope, stats.norm.logpdf(U.astype(float)) + z, atol=2e-5)


@pytest.mark.parametrize("z", [1e-30, 1e-6, 1e-3, 0.3, 0.7, 5.0, 29.0, 31.0, 100.0, 1e4, 1e8])
def test_every_positive_number_is_found_again(z):
    g = bijection(constraints.positive)
    assert float(g(g.inv(jnp.float32(z)))) == pytest.approx(z, rel=2e-4)


@pytest.mark.parametrize(
    ("support", "ends"),
    [
        (constraints.unit_interval, (0, 1)),
        (constraints.interval(-2.0, 6.0), (-2, 6)),
        (constraints.greater_than(3.0), (3, np.inf)),
        (constraints.less_than(3.0), (-np.inf, 3)),
        (constraints.real, (-np.inf, np.inf)),
    ],
    ids=str,
)
def test_a_set_is_filled_and_not_left(support, ends):
    g, u = bijection(support), jnp.asarray(U[np.abs(U) < 4])
    z = g(u)
    assert ((z >= ends[0]) & (z <= ends[1])).all()
    np.testing.assert_allclose(g.inv(z), u, atol=2e-2)
    slope = jax.vmap(jax.grad(lambda u: g(u)))(u)
    np.testing.assert_allclose(g.log_abs_det_jacobian(u, z), np.log(np.abs(slope)), atol=1e-3)
