"""Gradients drawn at many keys, and how far their mean is from what it ought to be."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import lowerbound as lb
from lowerbound.objectives.objective import Progress

# The largest ∣z∣ that a test lets pass, over all parameters of all its gradients. A standard normal number is
# beyond it with probability 7e-6, so that among some 50 parameters none is but once in 3,000 tests; and every
# seed is fixed.
LIMIT = 4.5

# For programs that run once: their compilation is what a test would wait for.
BRIEFLY = {"xla_backend_optimization_level": 0}


class Gradients(NamedTuple):
    """With respect to prior and likelihood (θ) and to the posterior (φ): (…, parameters) in float64."""

    theta: np.ndarray
    phi: np.ndarray


def split(gradient, axes=0):
    """A gradient, of the model's structure, with `axes` axes in front."""

    def flat(part):
        leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(lb.trainable(part))]
        return np.concatenate([leaf.reshape(*leaf.shape[:axes], -1) for leaf in leaves], axis=-1)

    return Gradients(flat((gradient.prior, gradient.likelihood)), flat(gradient.posterior))


def drawn(objectives, model, x, *, draws=10_000, seed=5, running=None):
    """The gradients of each objective at `draws` keys, the same for all: (draws, parameters) each."""
    parameters, constants = eqx.partition(model, eqx.is_inexact_array)

    progress = Progress(running=running)

    def values(parameters, key):
        whole = eqx.combine(parameters, constants)
        return jnp.stack([objective(whole, x, key, progress=progress) for objective in objectives])

    keys = jax.random.split(jax.random.key(seed), draws)
    program = jax.jit(jax.vmap(jax.jacrev(values), (None, 0)), compiler_options=BRIEFLY)
    gradients = program(parameters, keys)
    of_objective = [jax.tree.map(lambda leaf, i=i: leaf[:, i], gradients) for i in range(len(objectives))]
    return [split(gradient, axes=1) for gradient in of_objective]


def values(objective, model, x, *, draws=4000, seed=6):
    """Value and terms at `draws` keys, in float64."""
    keys = jax.random.split(jax.random.key(seed), draws)
    program = jax.jit(jax.vmap(lambda key: objective.with_terms(model, x, key)), compiler_options=BRIEFLY)
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), program(keys))


def exact(function, model, x):
    """∇ function(model, x), in float64; of a function of several values, the gradients of each."""

    def wide(leaf):
        return jnp.asarray(np.asarray(leaf), jnp.float64) if eqx.is_inexact_array(leaf) else leaf

    with jax.enable_x64(True):
        parameters, constants = eqx.partition(jax.tree.map(wide, model), eqx.is_inexact_array)
        program = jax.jit(
            jax.jacrev(lambda parameters: function(eqx.combine(parameters, constants), wide(x))),
            compiler_options=BRIEFLY,
        )
        gradient = program(parameters)
    values = jax.eval_shape(lambda model: function(model, x), model)
    return split(gradient, axes=values.ndim)


def z_scores(draws, expected=0.0):
    """The mean of the draws less what is expected, in standard errors. Where there is less noise than
    float32 rounds, a rounding of 1e-5 of the draws' size stands for the error."""
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    rounding = 1e-5 * (1e-2 + np.abs(draws).mean(axis=0))
    return (draws.mean(axis=0) - expected) / np.maximum(error, rounding)


def furthest(draws, expected=0.0):
    """The largest ∣z∣ of all parameters."""
    return np.abs(z_scores(draws, expected)).max()
