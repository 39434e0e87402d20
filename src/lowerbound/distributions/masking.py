"""Values that are missing because of what they are: the mask as a part of the event."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.missing import ObservedPart
from lowerbound.distributions.quadrature import quadrature

__all__ = ["GivenMissing", "Mask", "SelfMasked"]

# In place of 0, of which there is no logarithm.
_LEAST = 1e-37


class Mask(NamedTuple):
    """The probability that a value x is missing, of each dimension:

        π(x) = σ(slope (x − origin) + level) · exp(−½ ((x − middle)/reach)²),

    σ the logistic function. The second factor is 1 where nothing says how far values may reach."""

    slope: Float[Array, " d"]
    level: Float[Array, " d"]
    origin: Float[Array, " d"]
    middle: Float[Array, " d"]
    reach: Float[Array, " d"]

    def log_missing(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """log π(x)."""
        return jax.nn.log_sigmoid(self._logit(x)) - self._far(x)

    def log_observed(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """log(1 − π(x)): the logistic function says so, or the other factor does."""
        logit = self._logit(x)
        far = jnp.log(_LEAST - jnp.expm1(-self._far(x)))
        return jnp.logaddexp(jax.nn.log_sigmoid(-logit), jax.nn.log_sigmoid(logit) + far)

    def _logit(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        return self.slope * (x - self.origin) + self.level

    def _far(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        return 0.5 * ((x - self.middle) / self.reach) ** 2


class SelfMasked(ObservedPart):
    """Independent values x of which each is missing with probability π(x). The event is what was observed and
    what was not: log p(x) + log(1 − π(x)) of a value, log E[π(x)] of NaN, the mean by
    [`quadrature`][lowerbound.distributions.quadrature.quadrature].

    **Arguments:** `marginals`: the distributions of the values, a batch; `mask`: π.
    """

    pytree_data_fields = ("mask",)

    def __init__(self, marginals: Distribution, mask: Mask):
        self.mask = mask
        super().__init__(marginals, 1)

    def log_probs(self, value: Float[Array, "... d"]) -> Float[Array, "... d"]:
        observed = ~jnp.isnan(value)
        inside = jnp.where(observed, value, self.base_dist.support.feasible_like(value))
        seen = self.base_dist.log_prob(inside) + self.mask.log_observed(inside)
        return jnp.where(observed, seen, self.log_missing)

    @property
    def log_missing(self) -> Float[Array, " d"]:
        """log E[π(x)], that a value is missing."""
        x, log_weight = quadrature(self.base_dist).nodes
        return jax.nn.logsumexp(log_weight + self.mask.log_missing(x), axis=0)


class GivenMissing(dist.Independent):
    """The values of a [`SelfMasked`][] given that they are missing: p(x) π(x)/E[π(x)] of each."""

    pytree_data_fields = ("mask",)
    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, marginals: Distribution, mask: Mask):
        self.mask = mask
        super().__init__(marginals, 1)

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        log_pi, missing = self.mask.log_missing(value), SelfMasked(self.base_dist, self.mask).log_missing
        return (self.base_dist.log_prob(value) + log_pi - missing).sum(-1)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "... d"]:
        """One of the nodes by its share of π, and a value near it."""
        choice, near = jax.random.split(key)
        whole = quadrature(self.base_dist)
        x, log_weight = whole.nodes
        logits, shape = log_weight + self.mask.log_missing(x), (*sample_shape, *self.event_shape)
        return whole.sample_near(near, jax.random.categorical(choice, logits, axis=0, shape=shape))

    @property
    def mean(self) -> Float[Array, " d"]:
        x, log_weight = quadrature(self.base_dist).nodes
        return (jax.nn.softmax(log_weight + self.mask.log_missing(x), axis=0) * x).sum(0)
