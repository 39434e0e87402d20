"""Rows as a model sees them."""

import jax.numpy as jnp
import numpy as np

import lowerbound as lb
from lowerbound.data.chunks import observed, transformed


def blind(transform):
    """A model behind the transform, of which nothing else is asked."""
    same = lb.Conditional(lambda v: jnp.zeros(6), lb.DiagonalGaussian(3))
    return lb.VAE(lb.StandardNormal(3), same, same, transform=transform)


def test_the_row_observed_is_the_binary_one_where_the_model_binarises():
    grey = np.random.default_rng(0).integers(0, 256, (5, 8)).astype(np.uint8)
    binary = observed(blind(lb.DynamicBinarization()), grey, seed=1)
    assert set(np.unique(binary)) == {0, 1}
    np.testing.assert_array_equal(binary, transformed(lb.DynamicBinarization(), grey, 1))
    assert observed(blind(lb.Dequantization(256)), grey) is grey
