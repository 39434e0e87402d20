"""The layers of flows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
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


@pytest.mark.parametrize("direction", ["transform_and_log_det", "inverse_and_log_det"])
def test_a_spline_far_outside_its_interval_is_the_identity_and_so_are_its_gradients(direction):
    """At ten times the interval and inside, in the place and in the weights, all is finite; outside the place
    is left as it is. flowjax's clipping was wrong before 19.1.1."""
    from paramax import unwrap

    rng = np.random.default_rng(0)
    arrays, rest = eqx.partition(bijections.Spline(8, 4.0), eqx.is_inexact_array)
    arrays = jax.tree.map(lambda a: a + rng.normal(size=a.shape).astype(np.float32), arrays)
    places = np.array([-40.0, -4.0 - 1e-3, -2.0, 0.0, 3.9, 4.0 + 1e-3, 40.0], np.float32)

    def moved(arrays, x):
        y, log_det = getattr(unwrapped(arrays), direction)(x)
        return y, log_det

    unwrapped = lambda arrays: unwrap(eqx.combine(arrays, rest))  # noqa: E731
    (y, log_det), slopes = (
        jax.jit(jax.vmap(f, (None, 0)))(arrays, places) for f in (moved, jax.jacrev(moved, argnums=(0, 1)))
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((y, log_det, slopes)))
    outside = np.abs(places) > 4
    np.testing.assert_array_equal(y[outside], places[outside])
    (of_arrays, of_place), (of_arrays_det, of_place_det) = slopes
    np.testing.assert_array_equal(of_place[outside], 1)
    assert all((np.asarray(leaf)[outside] == 0).all() for leaf in jax.tree.leaves((of_arrays, of_arrays_det)))
    assert (log_det[outside] == 0).all()
    assert (of_place_det[outside] == 0).all()


@pytest.mark.thorough
def test_a_coupling_flow_far_out_has_the_density_and_gradients_of_its_gaussian():
    """At ten times the splines' interval, where every layer is the identity up to the order of dimensions."""
    flow = lb.CouplingFlow(2, width=8, key=jax.random.key(0))
    flow = eqx.tree_at(lambda flow: flow.arrays, flow, tuple(10 * array for array in flow.arrays))
    v, z = jnp.array([0.3, -0.2, 0.1, 0.4, 0.5, -0.5]), jnp.array([40.0, -40.0])
    of_flow = jax.jit(jax.grad(lambda v, z: flow(v).log_prob(z), argnums=(0, 1)))(v, z)
    of_base = jax.jit(jax.grad(lambda v, z: lb.DiagonalGaussian(2)(v).log_prob(z), argnums=(0, 1)))(v[:4], z)
    np.testing.assert_allclose(of_flow[0], jnp.append(of_base[0], jnp.zeros(2)), rtol=1e-5)
    np.testing.assert_allclose(of_flow[1], of_base[1], rtol=1e-5)
