"""Distributions sampled by their quantile functions, z = F⁻¹(u), u uniform over (0, 1)."""

from __future__ import annotations

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax import random
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from scipy.special import zeta

from lowerbound.distributions.special import exp_within, log1p_square

__all__ = [
    "ByQuantile",
    "CauchyDistribution",
    "GumbelDistribution",
    "KumaraswamyDistribution",
    "LogisticDistribution",
    "ParetoDistribution",
    "WeibullDistribution",
]


class ByQuantile(Distribution):
    """The distribution `base_dist` sampled by its quantile function, z = F⁻¹(u); all else is its own."""

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    pytree_data_fields = ("base_dist",)

    def __init__(self, base_dist: Distribution):
        self.base_dist = base_dist
        super().__init__(base_dist.batch_shape, base_dist.event_shape)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        u = random.uniform(key, self.shape(sample_shape))
        # JAX's numbers are k/2ⁿ from 0 on. Half a step further they are in the middle of their cells, so that
        # neither u nor 1 − u is ever 0, and both are exact.
        return self.base_dist.icdf(u + 0.5 * np.finfo(u.dtype).eps)

    def log_prob(self, value: Array) -> Array:
        return self.base_dist.log_prob(value)

    def cdf(self, value: Array) -> Array:
        return self.base_dist.cdf(value)

    def icdf(self, q: Array) -> Array:
        return self.base_dist.icdf(q)

    def entropy(self) -> Array:
        return self.base_dist.entropy()

    @property
    def support(self) -> Constraint:
        return self.base_dist.support

    @property
    def mean(self) -> Array:
        return self.base_dist.mean

    @property
    def variance(self) -> Array:
        return self.base_dist.variance


# Samples are kept within e^± this, so that they and their gradients stay finite in float32.
_LOG_SAMPLE = 60.0

# Of float32, the least number with all its digits.
_LEAST = float(np.finfo(np.float32).tiny)


def _below_1(like: Array) -> float:
    return 1 - 0.5 * float(np.finfo(like.dtype).eps)


def _less_exp(t: Array) -> Array:
    """t − eᵗ, beyond t = 20 its tangent: a log-density of −e²⁰ is as good as any below, and keeps a slope."""
    near = jnp.minimum(t, 20.0)
    return near - jnp.exp(near) + (1 - math.exp(20)) * jnp.maximum(t - 20.0, 0.0)


# log Γ(1 + 2ε) − 2 log Γ(1 + ε) as a polynomial in ε, for ε ≤ 0.1; the highest power first.
_WEIBULL = np.array([zeta(n) * (-1) ** n * (2.0**n - 2) / n for n in range(16, 1, -1)] + [0.0, 0.0])


class WeibullDistribution(dist.Weibull):
    """NumPyro's Weibull with a quantile function, and finite and accurate where its own powers overflow or
    cancel."""

    def log_prob(self, value: Array) -> Array:
        # The least number that has all its digits stands for what is below it.
        log_x = jnp.log(jnp.where(value < _LEAST, _LEAST, value))
        t = self.concentration * (log_x - jnp.log(self.scale))
        log_prob = jnp.log(self.concentration) - log_x + _less_exp(t)
        return jnp.where(value < 0, -jnp.inf, log_prob)

    def icdf(self, q: Array) -> Array:
        log_z = jnp.log(self.scale) + jnp.log(-jnp.log1p(-q)) / self.concentration
        return exp_within(_LOG_SAMPLE, log_z)

    @property
    def variance(self) -> Array:
        """E[z]² (exp[log Γ(1 + 2/k) − 2 log Γ(1 + 1/k)] − 1)."""
        reciprocal = 1 / self.concentration
        excess = gammaln(1 + 2 * reciprocal) - 2 * gammaln(1 + reciprocal)
        series = jnp.polyval(jnp.asarray(_WEIBULL, reciprocal.dtype), jnp.minimum(reciprocal, 0.1))
        return self.mean**2 * jnp.expm1(jnp.where(reciprocal < 0.1, series, excess))


class ParetoDistribution(dist.Pareto):
    """NumPyro's Pareto with a minimum that is a number, and finite samples strictly above it."""

    minimum: float
    pytree_aux_fields = ("minimum",)

    def __init__(self, minimum: float, alpha: Array):
        self.minimum = minimum
        super().__init__(jnp.asarray(minimum, alpha.dtype), alpha)

    @property
    def support(self) -> Constraint:
        return constraints.greater_than(self.minimum)

    def log_prob(self, value: Array) -> Array:
        inside = value >= self.minimum
        return jnp.where(inside, super().log_prob(jnp.where(inside, value, self.minimum)), -jnp.inf)

    def icdf(self, q: Array) -> Array:
        log_ratio = -jnp.log1p(-q) / self.alpha
        return self.minimum * jnp.exp(jnp.clip(log_ratio, np.finfo(log_ratio.dtype).eps, _LOG_SAMPLE))


class KumaraswamyDistribution(dist.Kumaraswamy):
    """NumPyro's Kumaraswamy with a quantile function and a log-density that are accurate near 0 and 1."""

    def log_prob(self, value: Array) -> Array:
        a, b = self.concentration1, self.concentration0
        x = jnp.asarray(value, jnp.result_type(value, a))
        x = jax.lax.clamp(jnp.asarray(_LEAST, x.dtype), x, jnp.asarray(_below_1(x), x.dtype))
        beyond = -jnp.expm1(a * jnp.log(x))  # 1 − xᵃ
        log_prob = jnp.log(a) + jnp.log(b) + xlogy(a - 1, x) + xlogy(b - 1, beyond)
        return jnp.where((value < 0) | (value > 1), -jnp.inf, log_prob)

    def icdf(self, q: Array) -> Array:
        a, b = self.concentration1, self.concentration0
        z = jnp.exp(jnp.log(-jnp.expm1(jnp.log1p(-q) / b)) / a)
        return jnp.clip(z, math.exp(-_LOG_SAMPLE), _below_1(z))

    @property
    def variance(self) -> Array:
        return jnp.maximum(super().variance, 0.0)


class GumbelDistribution(dist.Gumbel):
    """NumPyro's Gumbel with a log-density that does not overflow."""

    def log_prob(self, value: Array) -> Array:
        t = (self.loc - value) / self.scale
        return _less_exp(t) - jnp.log(self.scale)


class LogisticDistribution(dist.Logistic):
    """NumPyro's Logistic with a log-density that is no difference of infinities far out."""

    def log_prob(self, value: Array) -> Array:
        size = jnp.abs((value - self.loc) / self.scale)
        return -size - 2 * jnp.log1p(jnp.exp(-size)) - jnp.log(self.scale)


class CauchyDistribution(dist.Cauchy):
    """NumPyro's Cauchy with a log-density that falls as far out as numbers go, and a quantile function that
    is accurate in both tails, where tan π(q − ½) is all rounding."""

    def log_prob(self, value: Array) -> Array:
        return -math.log(math.pi) - jnp.log(self.scale) - log1p_square(value - self.loc, self.scale)

    def icdf(self, q: Array) -> Array:
        tail = jnp.minimum(q, 1 - q)
        outer = jnp.sign(q - 0.5) / jnp.tan(jnp.pi * tail)
        return self.loc + self.scale * jnp.where(tail < 0.25, outer, jnp.tan(jnp.pi * (q - 0.5)))
