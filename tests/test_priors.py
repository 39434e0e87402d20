"""Priors are distributions over z; a learned one begins as N(0, I)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb

Z = np.asarray([[0.3, -1.0], [2.0, 0.5]], np.float32)
GAUSSIANS = [lb.DiagonalGaussian(2), lb.FullGaussian(2), lb.DiagonalGaussian(2, scale=lb.LearnedScale())]


@pytest.mark.parametrize("prior", [lb.StandardNormal(2), *map(lb.LearnedPrior, GAUSSIANS)], ids=str)
def test_begins_as_the_standard_normal(prior):
    expected = stats.norm.logpdf(Z).sum(axis=1)
    np.testing.assert_allclose(prior().log_prob(Z), expected, rtol=1e-5)


@pytest.mark.parametrize("family", GAUSSIANS, ids=str)
def test_a_learned_prior_is_the_family_at_its_parameters(family):
    parameters = jax.random.normal(jax.random.key(0), (family.size,))
    prior = eqx.tree_at(lambda prior: prior.parameters, lb.LearnedPrior(family), parameters)
    np.testing.assert_array_equal(prior().log_prob(Z), family(parameters).log_prob(Z))


def test_the_bound_pulls_a_learned_prior_towards_the_posterior():
    """∂ELBO/∂μ = (m − μ)/τ²: for q = N(m, I) and p = N(0, I) the gradient with respect to μ is m."""
    m, pixels = jnp.asarray([1.0, -2.0]), lb.Bernoulli(1)
    model = lb.VAE(
        lb.LearnedPrior(lb.DiagonalGaussian(2)),
        lambda x: lb.DiagonalGaussian(2)(jnp.concatenate([m, jnp.zeros(2)])),
        lb.Conditional(lambda z: z[:1], pixels),
    )
    elbo = lb.ELBO(kl="analytic")
    gradient = eqx.filter_grad(lambda model: elbo(model, jnp.ones(1), jax.random.key(0)))(model)
    np.testing.assert_allclose(gradient.prior.parameters[:2], m, rtol=1e-6)


def test_a_size_that_is_none_is_refused():
    with pytest.raises(ValueError, match="StandardNormal: expected a whole number of at least 1, found 0"):
        lb.StandardNormal(0)
