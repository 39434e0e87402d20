"""Events of which some dimensions were not observed."""

from __future__ import annotations

import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.support import OrMissing

__all__ = ["ObservedPart"]


class ObservedPart(dist.Independent):
    """Independent dimensions, of which those that are NaN in a value were not observed: they are masked
    before anything is summed, and their gradient is 0."""

    @property
    def support(self) -> Constraint:
        return constraints.independent(OrMissing(self.base_dist.support), 1)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        return self.log_probs(value).sum(-1)

    def log_probs(self, value: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """The term of each dimension, 0 where nothing was observed."""
        observed = ~jnp.isnan(value)
        # A density is only ever asked at values inside its support, so that no gradient is 0 · NaN.
        inside = jnp.where(observed, value, self.base_dist.support.feasible_like(value))
        return jnp.where(observed, self.base_dist.log_prob(inside), 0.0)
