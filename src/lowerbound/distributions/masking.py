"""Values that are missing because of what they are: the mask as a part of the event."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.missing import ObservedPart

__all__ = ["GivenMissing", "SelfMasked"]

# Quantiles at which a function of a value is averaged: of a step, which is the worst, the mean is right to
# half of 1/32.
_QUANTILES = 32


def _quantiles(marginals: Distribution) -> Float[Array, "n d"]:
    """Values of the same probability, (i + ½)/n."""
    levels = (jnp.arange(_QUANTILES) + 0.5) / _QUANTILES
    return jax.vmap(lambda u: marginals.icdf(jnp.broadcast_to(u, marginals.batch_shape)))(levels)


class SelfMasked(ObservedPart):
    """Independent values x of which each is missing with probability π(x) = σ(slope (x − centre)). The event
    is what was observed and what was not: log p(x) + log(1 − π(x)) of a value, log E[π(x)] of NaN.

    **Arguments:** `marginals`: the distributions of the values, a batch, with quantile functions; `slope`,
    `centre`: a number a dimension.
    """

    pytree_data_fields = ("slope", "centre")

    def __init__(self, marginals: Distribution, slope: Float[Array, " d"], centre: Float[Array, " d"]):
        self.slope, self.centre = slope, centre
        super().__init__(marginals, 1)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        observed = ~jnp.isnan(value)
        inside = jnp.where(observed, value, self.base_dist.support.feasible_like(value))
        seen = self.base_dist.log_prob(inside) + jax.nn.log_sigmoid(-self.slope * (inside - self.centre))
        return jnp.where(observed, seen, self.log_missing).sum(-1)

    @property
    def log_missing(self) -> Float[Array, " d"]:
        """log E[π(x)], that a value is missing."""
        log_pi = jax.nn.log_sigmoid(self.slope * (_quantiles(self.base_dist) - self.centre))
        return jax.nn.logsumexp(log_pi, axis=0) - jnp.log(_QUANTILES)


class GivenMissing(dist.Independent):
    """The values of a [`SelfMasked`][] given that they are missing: p(x) π(x)/E[π(x)] of each."""

    pytree_data_fields = ("slope", "centre")
    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, marginals: Distribution, slope: Float[Array, " d"], centre: Float[Array, " d"]):
        self.slope, self.centre = slope, centre
        super().__init__(marginals, 1)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        log_pi = jax.nn.log_sigmoid(self.slope * (value - self.centre))
        missing = SelfMasked(self.base_dist, self.slope, self.centre).log_missing
        return (self.base_dist.log_prob(value) + log_pi - missing).sum(-1)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... d"]:
        """One of the quantiles by its share of π, and a value between its neighbours."""
        choice, between = jax.random.split(key)
        shape = (*sample_shape, *self.event_shape)
        log_pi = jax.nn.log_sigmoid(self.slope * (_quantiles(self.base_dist) - self.centre))
        chosen = jax.random.categorical(choice, log_pi, axis=0, shape=shape)
        return self.base_dist.icdf((chosen + jax.random.uniform(between, shape, minval=1e-6)) / _QUANTILES)

    @property
    def mean(self) -> Float[Array, " d"]:
        x = _quantiles(self.base_dist)
        return (jax.nn.softmax(jax.nn.log_sigmoid(self.slope * (x - self.centre)), axis=0) * x).sum(0)
