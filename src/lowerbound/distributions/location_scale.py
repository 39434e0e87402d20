"""Distributions of a location and a scale that NumPyro lacks or gets wrong in float32."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpyro.distributions as dist
from jax import random
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import constraints

from lowerbound.distributions.kinds import MovingSupport
from lowerbound.distributions.special import log1p_square

__all__ = ["StudentTDistribution", "UniformDistribution"]


class StudentTDistribution(dist.StudentT):
    """NumPyro's StudentT for a ν that is a number: its constant is exact for large ν, its samples are finite
    for small ν, and where there is no mean none is made up."""

    degrees: float
    pytree_aux_fields = ("degrees",)

    def __init__(self, degrees: float, loc: Array, scale: Array):
        self.degrees = degrees
        super().__init__(degrees, loc, scale)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        for_normal, for_gamma = random.split(key)
        half, shape = 0.5 * self.degrees, sample_shape + self.batch_shape
        # A χ² of few degrees of freedom is often below float32's least number: its logarithm is drawn.
        log_ratio = random.loggamma(for_gamma, half, shape) - math.log(half)
        spread = jnp.exp(jnp.minimum(-0.5 * log_ratio, 40.0))
        return self.loc + self.scale * (random.normal(for_normal, shape) * spread)

    def log_prob(self, value: Array) -> Array:
        v = self.degrees
        constant = math.lgamma((v + 1) / 2) - math.lgamma(v / 2) - 0.5 * math.log(v * math.pi)
        return constant - jnp.log(self.scale) - 0.5 * (v + 1) * log1p_square(value - self.loc, self.scale, v)

    @property
    def mean(self) -> Array:
        return jnp.broadcast_to(self.loc if self.degrees > 1 else jnp.nan, self.batch_shape)


class UniformDistribution(MovingSupport):
    """Kept as centre and width: the difference of two ends would lose a width far below the centre."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    reparametrized_params = ["loc", "scale"]  # noqa: RUF012

    def __init__(self, loc: Array, scale: Array):
        self.loc, self.scale = loc, scale
        super().__init__(jnp.broadcast_shapes(jnp.shape(loc), jnp.shape(scale)))

    @property
    def low(self) -> Array:
        return self.loc - 0.5 * self.scale

    @property
    def high(self) -> Array:
        return self.loc + 0.5 * self.scale

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        return self.icdf(random.uniform(key, sample_shape + self.batch_shape))

    def icdf(self, q: Array) -> Array:
        # Rounding must not put a sample outside, where its density is 0.
        return jnp.clip(self.loc + self.scale * (q - 0.5), self.low, self.high)

    def cdf(self, value: Array) -> Array:
        return jnp.clip((value - self.loc) / self.scale + 0.5, 0.0, 1.0)

    def log_prob(self, value: Array) -> Array:
        inside = (self.low <= value) & (value <= self.high)
        return jnp.where(inside, -jnp.log(self.scale), -jnp.inf)

    @property
    def mean(self) -> Array:
        return jnp.broadcast_to(self.loc, self.batch_shape)

    @property
    def variance(self) -> Array:
        return jnp.broadcast_to(self.scale**2 / 12, self.batch_shape)

    def entropy(self) -> Array:
        return jnp.broadcast_to(jnp.log(self.scale), self.batch_shape)
