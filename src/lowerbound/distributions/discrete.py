"""Bits and levels."""

from __future__ import annotations

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float

from lowerbound.distributions.special import bernoulli_log_prob

__all__ = ["IndependentBits", "LevelsDistribution"]


class IndependentBits(dist.Independent):
    """Independent bits, all of them observed."""

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        logits, value = jnp.broadcast_arrays(self.base_dist.logits, jnp.asarray(value, float))
        return jnp.vectorize(bernoulli_log_prob, signature="(d),(d)->()")(logits, value)


class LevelsDistribution(dist.CategoricalLogits):
    """A categorical distribution whose levels are numbers: it has a mean, and takes floats for values."""

    def log_prob(self, value: Array) -> Array:
        return super().log_prob(jnp.asarray(value, int))

    @property
    def mean(self) -> Array:
        return self.probs @ jnp.arange(self.probs.shape[-1], dtype=self.probs.dtype)

    @property
    def variance(self) -> Array:
        squares = jnp.arange(self.probs.shape[-1], dtype=self.probs.dtype) ** 2
        return self.probs @ squares - self.mean**2
