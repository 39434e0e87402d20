"""A small model and data that every test of training may use."""

import jax
import numpy as np
import pytest

import lowerbound as lb


def small_model(columns: int = 6, latent: int = 2, seed: int = 0, width: int = 16) -> lb.VAE:
    encoder_key, decoder_key = jax.random.split(jax.random.key(seed))
    z, x = lb.DiagonalGaussian(latent), lb.Bernoulli(columns)
    return lb.VAE(
        lb.StandardNormal(latent),
        lb.Conditional(lb.MLP(columns, z.size, width=width, depth=1, key=encoder_key), z),
        lb.Conditional(lb.MLP(latent, x.size, width=width, depth=1, key=decoder_key), x),
    )


@pytest.fixture
def model() -> lb.VAE:
    return small_model()


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """Binary rows with structure: three columns and their complements, with 10 % flipped."""
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, (300, 1)).repeat(3, axis=1)
    x = np.concatenate([half, 1 - half], axis=1)
    return (x ^ (rng.random(x.shape) < 0.1)).astype(np.uint8)
