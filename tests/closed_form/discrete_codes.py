"""A model with few codes: p(x), the bounds, the posterior and all their gradients are finite sums.

z is three bits, x four binary pixels; prior, posterior and likelihood are the library's own parts.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp

import lowerbound as lb
from lowerbound.models.draws import Sampler

BITS, PIXELS = 3, 4
CODES = list(itertools.product((0.0, 1.0), repeat=BITS))
IMAGES = list(itertools.product((0.0, 1.0), repeat=PIXELS))


def codes_model(seed=0):
    """Weights large enough for log p(x∣z) to differ between codes, and q(z∣x) not the exact posterior."""
    keys = jax.random.split(jax.random.key(seed), 3)
    bits, pixels = lb.Bernoulli(BITS), lb.Bernoulli(PIXELS)
    model = lb.VAE(
        lb.LearnedPrior(bits),
        lb.Conditional(lb.MLP(PIXELS, BITS, depth=0, key=keys[0]), bits),
        lb.Conditional(lb.MLP(BITS, PIXELS, width=5, depth=1, activation="tanh", key=keys[1]), pixels),
    )
    parts, rest = eqx.partition(model, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(parts)
    noise = jax.random.split(keys[2], len(leaves))
    leaves = [
        1.5 * leaf + 0.5 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, noise, strict=True)
    ]
    return eqx.combine(jax.tree.unflatten(structure, leaves), rest)


def log_joint(model, x):
    """log p(x, z) of every code."""
    z = jnp.asarray(CODES)
    return jax.vmap(lambda z: model.p_x(z).log_prob(x) + model.p_z().log_prob(z))(z)


def log_p(model, x):
    return jax.nn.logsumexp(log_joint(model, x))


def log_q(model, x):
    """log q(z∣x) of every code."""
    return jax.vmap(model.q_z(x).log_prob)(jnp.asarray(CODES))


def exact_bound(of_log_weights, samples):
    """(model, x) ↦ E_q[B(log w₁, …, log w_K)], the sum over all K-tuples of codes."""
    tuples = jnp.asarray(list(itertools.product(range(len(CODES)), repeat=samples)))

    def bound(model, x):
        joint, posterior = log_joint(model, x), log_q(model, x)
        values = jax.vmap(of_log_weights)((joint - posterior)[tuples])
        return (jnp.exp(posterior[tuples].sum(-1)) * values).sum()

    return bound


def expected_estimate(objective, running=None):
    """(model, x) ↦ a number whose gradient is the mean of the estimator's, over all tuples of codes in place
    of draws: what is left of a bias is not hidden in noise."""
    samples = objective.draws
    tuples = jnp.asarray(list(itertools.product(CODES, repeat=samples)))

    class Told(Sampler):
        """Hands out the codes that it was told."""

        def __call__(self, key, indices):
            return self.at(self.z, jax.vmap(self.q.log_prob)(self.z))

    def value(model, x):
        def of_tuple(z):
            sampler = Told(model, x, jnp.zeros(()))
            sampler.z = z
            estimate, _ = objective.gradient(objective.of_draw, sampler, jax.random.key(0), samples, running)
            return jax.lax.stop_gradient(jnp.exp(sampler(None, None).log_posterior.sum())) * estimate

        return jax.vmap(of_tuple)(tuples).sum()

    return value
