"""Transforms: the laws that their draws follow, and the log-Jacobian that a density owes for them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.chunks import transformed

from ..tables import cases

TRANSFORMS = [
    lb.Identity(),
    lb.DynamicBinarization(),
    lb.StaticBinarization(),
    lb.Threshold(127.5),
    lb.Standardization(mean=jnp.array([1.0, 100.0, 3.0]), scale=jnp.array([2.0, 50.0, 0.5])),
    lb.Dequantization(256),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda t: type(t).__name__)
def test_a_row_stays_a_row_of_floats_and_follows_from_its_key(transform):
    row = jnp.array([0, 128, 255], dtype=jnp.uint8)
    a, b = (transform(row, jax.random.key(k)) for k in (0, 0))
    assert a.shape == row.shape
    assert a.dtype == jnp.float32
    assert (a == b).all()
    rows = np.arange(30, dtype=np.uint8).reshape(10, 3) * 8
    together, alone = transformed(transform, rows), [transformed(transform, row[None])[0] for row in rows]
    np.testing.assert_array_equal(together, alone)  # in inference noise follows from a row's content


@pytest.mark.parametrize("white", cases([255, 16], fast=[16]))
def test_dynamic_binarization_draws_ones_with_probability_pixel_over_white(white):
    """Each pixel within 4.5 standard errors of 60,000 draws, black and white exactly."""
    draws, pixels = 60_000, np.array([0, 1, white // 3, white // 2, white - 1, white], np.uint8)
    transform = lb.DynamicBinarization(white)
    keys = jax.random.split(jax.random.key(0), draws)
    mean = np.asarray(jax.jit(jax.vmap(lambda key: transform(jnp.asarray(pixels), key)))(keys)).mean(0)
    p = pixels / white
    assert mean[0] == 0
    assert mean[-1] == 1
    np.testing.assert_array_less(np.abs(mean - p), 4.5 * np.sqrt(p * (1 - p) / draws) + 1e-9)


def test_binary_pixels_of_a_row_are_independent():
    """Neighbours, and pixels half a row apart that share a 32-bit word, are uncorrelated to 4.5 errors."""
    draws, d = 40_000, 8
    row = jnp.full(d, 128, jnp.uint8)
    binarized = jax.jit(jax.vmap(lambda key: lb.DynamicBinarization()(row, key)))
    y = binarized(jax.random.split(jax.random.key(1), draws))
    correlation = np.corrcoef(np.asarray(y).T) - np.eye(d)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(draws)


def test_an_odd_number_of_pixels_is_binarised_too():
    assert lb.DynamicBinarization()(jnp.full(7, 255, jnp.uint8), jax.random.key(0)).tolist() == [1.0] * 7


@pytest.mark.parametrize(
    "transform", [t for t in TRANSFORMS if isinstance(t, (lb.Standardization, lb.Identity))]
)
def test_the_log_jacobian_is_that_of_automatic_differentiation(transform):
    row = jnp.array([0.3, -2.0, 7.0])
    jacobian = jax.jacobian(lambda x: transform(x, jax.random.key(0)))(row)
    assert np.linalg.slogdet(jacobian)[1] == pytest.approx(float(transform.log_jacobian(row)), rel=1e-5)
    np.testing.assert_allclose(transform.inverse(transform(row, jax.random.key(0))), row, rtol=1e-5)


def test_dequantisation_spreads_a_value_over_its_cell_and_comes_back():
    values = jnp.arange(256, dtype=jnp.uint8)
    y = lb.Dequantization(256)(values, jax.random.key(0)) * 256
    u = np.asarray(y - values)
    assert 0 <= u.min() < 0.02 < 0.98 < u.max() < 1
    assert (lb.Dequantization(256).inverse(y / 256) == values).all()
    assert lb.Dequantization(256).log_jacobian(values[:3]) == pytest.approx(-3 * np.log(256))


def test_what_is_missing_owes_no_jacobian():
    T = lb.Standardization(mean=jnp.zeros(2), scale=jnp.array([2.0, 4.0]))
    assert T.log_jacobian(jnp.array([jnp.nan, 1.0])) == pytest.approx(-np.log(4))


def test_a_density_is_stated_in_the_units_of_the_data():
    """x ~ N(5, 3²) seen through standardisation: log p(x) is the normal density of x itself, where the model
    of y is exact; here p(y) = N(0, 1) whatever z."""
    from scipy.stats import norm

    scale = lb.FixedScale(1.0)
    blind = lb.VAE(
        lb.StandardNormal(1),
        lambda x: lb.StandardNormal(1)(),
        lambda z: lb.DiagonalGaussian(1, scale=scale)(jnp.zeros(1)),
        transform=lb.Standardization(mean=jnp.array([5.0]), scale=jnp.array([3.0])),
    )
    x = np.array([[2.0], [5.0], [11.0]], np.float32)
    evidence = lb.log_evidence(blind, x, method="importance", samples=5)
    np.testing.assert_allclose(evidence.log_prob, norm(5, 3).logpdf(x[:, 0]), rtol=1e-5)
    assert evidence.measure.startswith("Lebesgue measure, in the data's own units")
