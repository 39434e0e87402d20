"""Where the rows lie."""

import numpy as np
import pytest

from lowerbound.serve.explorer.latents import Latents


@pytest.fixture(scope="module")
def latents(of_images):
    return Latents.of_service(of_images, most=30)


def test_codes_are_those_of_encode(of_images, latents):
    """To the bit, in a random order, of no more rows than are allowed."""
    every = of_images.encode(of_images.rows(of_images.source.table))
    assert len(latents.order) == 30 == len({*latents.order.tolist()})
    np.testing.assert_array_equal(latents.codes, every[latents.order])


def test_draws_are_of_the_prior_and_of_the_posteriors(latents):
    """Of N(0, I) the mean has an error of 1/√n, the variance one of √(2/n)."""
    n = len(latents.prior)
    assert np.abs(latents.prior.mean(axis=0)).max() < 4.5 / np.sqrt(n)
    assert np.abs(latents.prior.var(axis=0) - 1).max() < 4.5 * np.sqrt(2 / n)
    assert latents.posterior.shape == latents.codes.shape
    assert (latents.posterior != latents.codes).all()


def test_without_rows_there_is_the_prior(of_images):
    found = Latents.of(of_images.model, None, most=10)
    assert found.codes.shape == (0, 3) == found.posterior.shape
    assert [*found.bases] == ["principal", "latent"]
