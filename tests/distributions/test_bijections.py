"""The layers of flows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.distributions import bijections


@pytest.mark.slow
def test_float32_inverts_a_steep_spline():
    """The slope's logarithm at 1001 places of 20 splines, against float64: flowjax's own inverse is off by
    nats, or NaN."""
    from paramax import unwrap

    rng = np.random.default_rng(0)
    y = np.linspace(-4.2, 4.2, 1001).astype(np.float32)
    for _ in range(20):
        raw = bijections.Spline(8, 4.0)
        arrays, rest = eqx.partition(raw, eqx.is_inexact_array)
        arrays = jax.tree.map(lambda a: (a + 6 * rng.normal(size=a.shape)).astype(np.float32), arrays)
        found = jax.vmap(unwrap(eqx.combine(arrays, rest)).inverse_and_log_det)(y)
        knots = jax.tree.map(np.asarray, eqx.filter(unwrap(eqx.combine(arrays, rest)), eqx.is_array))
        with jax.enable_x64(True):
            # The same knots, not the same raw numbers.
            spline = eqx.combine(jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), knots), unwrap(raw))
            x, log_det = jax.vmap(spline.inverse_and_log_det)(y.astype(np.float64))
            again, forward = jax.vmap(spline.transform_and_log_det)(x)
        np.testing.assert_allclose(again, y, atol=1e-10)
        np.testing.assert_allclose(forward, -log_det, atol=1e-10)
        np.testing.assert_allclose(found[1], log_det, atol=5e-3)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_the_dimensions_come_out_in_their_order(layers):
    for order in (np.arange(5)[::-1], np.roll(np.arange(5), -2)):
        x = np.arange(5)
        for permutation in bijections.cancelling(order, layers):
            x = x[list(permutation)]
        assert x.tolist() == list(range(5))
