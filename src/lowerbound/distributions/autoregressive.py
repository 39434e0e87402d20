"""Real numbers one after the other, each from a mixture of Gaussians given those before it."""

from __future__ import annotations

import math
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from scipy.special import ndtri

from lowerbound.distributions.each import each_drawn
from lowerbound.distributions.special import within

__all__ = ["AutoregressiveMixture", "OneByOne"]

# Draws that a mean is estimated from.
_DRAWS = 256
# Of the variance of N(0, 1), what lies between the members where the network puts out 0.
_BETWEEN = 0.5


class OneByOne(Protocol):
    """A network that says some numbers of each of its inputs, from those before it."""

    @property
    def in_size(self) -> int:
        """d."""

    @property
    def blocks(self) -> int:
        """How many numbers of each."""

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, "d blocks"]:
        """The numbers of each input."""


class AutoregressiveMixture(Distribution):
    """p(z) = Πᵢ Σₖ πᵢₖ N(zᵢ; mₖ + μᵢₖ, s² σᵢₖ²), with π, μ and σ from z₁ … zᵢ₋₁: of each dimension the
    network says log π, up to a constant, μ and log σ², K of each. m, the middles of K equal parts of a
    Gaussian, and s are such that a network of zeros has a mean of 0 and a variance of 1."""

    arg_constraints: dict[str, Constraint] = {}  # noqa: RUF012
    support = constraints.real_vector
    pytree_data_fields = ("network",)

    def __init__(self, network: OneByOne, *, validate_args: bool | None = None) -> None:
        self.network = network
        super().__init__(batch_shape=(), event_shape=(network.in_size,), validate_args=validate_args)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        return jnp.vectorize(self._log_prob, signature="(d)->()")(jnp.asarray(value, float))

    def sample(
        self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()
    ) -> Float[Array, "*sample_shape d"]:
        return each_drawn(self._drawn, key, sample_shape)

    @property
    def mean(self) -> Float[Array, " d"]:
        """That of 256 draws, always the same: its standard error is a sixteenth of a standard deviation."""
        return self._draws().mean(axis=0)

    @property
    def variance(self) -> Float[Array, " d"]:
        """That of 256 draws, always the same."""
        return self._draws().var(axis=0)

    def _members(self, z: Array) -> tuple[Array, Array, Array]:
        """log π, mean and log variance of the members of all dimensions, (d, K) each."""
        logits, means, log_variances = jnp.split(self.network(z), 3, axis=1)
        middles, log_scale = _start(logits.shape[1])
        return (
            jax.nn.log_softmax(logits, axis=1),
            means + middles,
            within(80.0, log_variances) + log_scale,
        )

    def _log_prob(self, z: Array) -> Float[Array, ""]:
        log_weights, means, log_variances = self._members(z)
        # Of a posterior that has run away z is far out, and the square leaves float32's range.
        noise = within(1e15, (z[:, None] - means) * jnp.exp(-0.5 * log_variances))
        log_members = log_weights - 0.5 * (noise**2 + np.log(2 * np.pi) + log_variances)
        return jax.nn.logsumexp(log_members, axis=1).sum()

    def _drawn(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        of_member, of_noise = jax.random.split(key)
        d = self.event_shape[0]
        noise = jax.random.normal(of_noise, (d,))

        def next_one(i: Array, z: Array) -> Array:
            log_weights, means, log_variances = (each[i] for each in self._members(z))
            k = jax.random.categorical(jax.random.fold_in(of_member, i), log_weights)
            return z.at[i].set(means[k] + jnp.exp(0.5 * log_variances[k]) * noise[i])

        return jax.lax.fori_loop(0, d, next_one, jnp.zeros(d))

    def _draws(self) -> Float[Array, "256 d"]:
        return self.sample(jax.random.key(0), (_DRAWS,))


def _start(members: int) -> tuple[Float[np.ndarray, " K"], float]:
    """The means and the log variance of members that together have a variance of 1."""
    middles = ndtri((np.arange(members) + 0.5) / members)
    if members == 1:
        return middles, 0.0
    return middles * math.sqrt(_BETWEEN / float((middles**2).mean())), math.log(1 - _BETWEEN)
