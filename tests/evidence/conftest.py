"""A model of six bits, for the tests of evidence."""

import jax
import pytest

import lowerbound as lb

from .cube import LATENT, PIXELS


@pytest.fixture(scope="module")
def model():
    k1, k2 = jax.random.split(jax.random.key(0))
    return lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(6, LATENT.size, width=8, depth=1, key=k1), LATENT),
        lb.Conditional(lb.MLP(2, PIXELS.size, width=8, depth=1, key=k2), PIXELS),
    )
