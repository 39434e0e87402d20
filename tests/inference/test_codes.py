"""Codes fitted to each row: uphill in log p(x∣z) from the posterior mean, within the set of the prior."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb

COUNTS = lb.Binomial(3, 4)
ROWS = np.random.default_rng(0).integers(5, size=(600, 3))


def vae(latent, prior=None, d=2):
    k1, k2 = jax.random.split(jax.random.key(0))
    return lb.VAE(
        lb.StandardPrior(latent) if prior is None else prior,
        lb.Conditional(lb.MLP(3, latent.size, width=8, depth=1, key=k1), latent),
        lb.Conditional(lb.MLP(d, COUNTS.size, width=8, depth=1, key=k2), COUNTS),
    )


@pytest.fixture(scope="module")
def model():
    return vae(lb.DiagonalGaussian(2))


@pytest.fixture(scope="module")
def codes(model):
    return lb.encode(model, ROWS, steps=20)


def log_likelihood(model, x, z):
    return np.asarray(jax.jit(jax.vmap(lambda x, z: model.p_x(z).log_prob(x)))(jnp.asarray(x, float), z))


def test_of_no_steps_they_are_the_posterior_means_to_the_bit(model):
    np.testing.assert_array_equal(lb.encode(model, ROWS, steps=0), lb.encode(model, ROWS))
    np.testing.assert_array_equal(lb.reconstruct(model, ROWS, steps=0), lb.reconstruct(model, ROWS))


def test_the_likelihood_is_higher_there(model, codes):
    """By more than a tenth of a nat in the mean, and in no row lower by more than a hundredth."""
    gain = log_likelihood(model, ROWS, codes) - log_likelihood(model, ROWS, lb.encode(model, ROWS))
    assert gain.mean() > 0.1
    assert gain.min() > -0.01


def test_each_is_a_function_of_its_row(model, codes):
    """Whatever other rows stand beside it, and in which chunk: to the bit."""
    order = np.random.default_rng(1).permutation(len(ROWS))
    for index in (order, order[:1], order[:17]):
        np.testing.assert_array_equal(lb.encode(model, ROWS[index], steps=20), codes[index])


def test_a_reconstruction_is_the_mean_there(model, codes):
    np.testing.assert_array_equal(lb.reconstruct(model, ROWS, steps=20), lb.decode(model, codes))


def test_many_steps_lead_to_the_code_of_the_highest_likelihood():
    """Of x = W z + ε it is W⁺x, whatever the encoder says; here it says 0 and a scale of 1."""
    W = jnp.asarray([[1.0, 0.5, -1.0], [0.0, 2.0, 1.0]])
    latent, noise = lb.DiagonalGaussian(2), lb.DiagonalGaussian(3, scale=lb.FixedScale(1.0))
    linear = lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lambda x: jnp.zeros(4), latent),
        lb.Conditional(lambda z: z @ W, noise),
    )
    x = np.random.default_rng(0).normal(size=(5, 3))
    expected = x @ np.linalg.pinv(np.asarray(W, float))
    np.testing.assert_allclose(lb.encode(linear, x, steps=600), expected, atol=0.02)


def test_within_the_set_of_a_bounded_latent():
    """Of Beta codes, from 0 to 1, and higher in likelihood than their means."""
    model, x = vae(lb.Beta(2)), ROWS[:40]
    codes = lb.encode(model, x, steps=60)
    assert ((codes > 0) & (codes < 1)).all()
    gain = log_likelihood(model, x, codes) - log_likelihood(model, x, lb.encode(model, x))
    assert gain.mean() > 0.05


def test_a_condition_goes_with_its_row():
    """x∣z, y = N(z + y, 1) of one z: the code of the highest likelihood is x − y."""
    latent = lb.DiagonalGaussian(1, scale=lb.FixedScale(1.0))
    model = lb.VAE(
        lb.StandardNormal(1), lb.Conditional(lambda x: 0 * x, latent), lambda z, given: latent(z + given)
    )
    x, given = np.array([[1.0], [2.0]]), np.array([[3.0], [-1.0]])
    fitted = partial(lb.encode, model, x, given=given)
    np.testing.assert_allclose(fitted(steps=400), x - given, atol=0.02)
    np.testing.assert_allclose(fitted(), 0.0)


@pytest.mark.parametrize("steps", [-1, 1.5, True])
@pytest.mark.parametrize("function", [lb.encode, lb.reconstruct])
def test_a_number_of_steps_that_is_none_is_refused(model, function, steps):
    with pytest.raises(ValueError, match=rf"encode\.steps: .* of at least 0, found {steps}"):
        function(model, ROWS, steps=steps)


def test_codes_without_a_gradient_are_refused():
    model = vae(lb.Bernoulli(2), lb.UniformCodes(2))
    with pytest.raises(TypeError, match=r"fitted codes follow gradients in z, and z is .* or no steps"):
        lb.encode(model, ROWS, steps=1)
