"""Changes of variables, z = g(y)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import logit
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution, transforms
from scipy.special import ndtr

from lowerbound.distributions.kinds import OnePass
from lowerbound.distributions.quantile import ByQuantile
from lowerbound.distributions.special import exp_within, within
from lowerbound.distributions.support import range_of

__all__ = ["Exp", "Sigmoid", "TransformedDistribution"]


class TransformedDistribution(OnePass, dist.TransformedDistribution):
    """NumPyro's, with moments where they can be had, and a sample and its log-density in one pass."""

    def sample_with_log_prob(self, key: PRNGKeyArray) -> tuple[Array, Array]:
        """z = g(y) and log q(z) = log q(y) − log∣det ∂g/∂y∣ at the y that was drawn: nothing is inverted."""
        z, path = self.sample_with_intermediates(key)
        return z, self.log_prob(z, path)

    @property
    def mean(self) -> Array:
        return self._moments()[0]

    @property
    def variance(self) -> Array:
        return self._moments()[1]

    def _moments(self) -> tuple[Array, Array]:
        base = _marginals(self.base_dist)
        single_exp = len(self.transforms) == 1 and isinstance(self.transforms[0], transforms.ExpTransform)
        if single_exp and isinstance(base, dist.Normal):
            mean, variance = _log_normal_moments(base.loc, base.scale)
        else:
            z = _quantiles(base, len(self.shape())) if self._has_moments(base) else None
            if z is None:
                names = ", ".join(type(g).__name__ for g in self.transforms)
                raise NotImplementedError(
                    f"the mean and the variance of {type(base).__name__} under {names} have no closed form "
                    "here, and they may not exist; average samples instead"
                )
            for g in self.transforms:
                z = g(z)
            weights = jnp.asarray(_WEIGHTS, z.dtype)
            mean = jnp.tensordot(weights, z, 1)
            variance = jnp.tensordot(weights, (z - mean) ** 2, 1)
        return jnp.broadcast_to(mean, self.shape()), jnp.broadcast_to(variance, self.shape())

    def _has_moments(self, base: Distribution) -> bool:
        """Whether moments exist for certain, and a sum over quantiles of one dimension gives them."""
        elementwise = all(g.domain.event_dim == g.codomain.event_dim == 0 for g in self.transforms)
        span = range_of(self.transforms[-1].codomain)
        bounded = span is not None and math.isfinite(span.high - span.low)
        tame = isinstance(base, dist.Normal) and all(isinstance(g, _LINEAR_GROWTH) for g in self.transforms)
        return elementwise and base.event_shape == () and (bounded or tame)


_LINEAR_GROWTH = (transforms.IdentityTransform, transforms.AffineTransform, transforms.SoftplusTransform)

# The trapezium rule in ε, z = g(F⁻¹(Φ(ε))): E[z] = ∫ z φ(ε) dε. For a normal y nothing converges faster.
_NODES = np.linspace(-8.5, 8.5, 201)
_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()


def _marginals(base: Distribution) -> Distribution:
    """The distributions of the single dimensions, or `base` itself where they are not known."""
    while isinstance(base, (dist.Independent, dist.ExpandedDistribution, ByQuantile)):
        base = base.base_dist
    if isinstance(base, (dist.MultivariateNormal, dist.LowRankMultivariateNormal)):
        return dist.Normal(base.mean, jnp.sqrt(base.variance))
    return base


def _quantiles(base: Distribution, ndim: int) -> Array | None:
    """The values of `base` at the nodes, which come first; `None` where it has no quantile function."""
    nodes = _NODES.reshape(-1, *(1,) * ndim)
    if isinstance(base, dist.Normal):
        return base.loc + base.scale * jnp.asarray(nodes, jnp.result_type(float))
    # Half a step of u from 0 and from 1, as samples are.
    end = 0.5 * float(np.finfo(jnp.result_type(float)).eps)
    try:
        return base.icdf(jnp.asarray(np.clip(ndtr(nodes), end, 1 - end), float))
    except (NotImplementedError, ImportError):
        return None


def _log_normal_moments(mu: Array, sigma: Array) -> tuple[Array, Array]:
    """exp(μ + σ²/2) and (exp σ² − 1) exp(2μ + σ²), the second without a difference of near numbers or of
    infinities."""
    squared = sigma**2
    return jnp.exp(mu + squared / 2), jnp.exp(2 * (mu + squared) + jnp.log(-jnp.expm1(-squared)))


class Exp(transforms.ExpTransform):
    """exp within e^±80, so that it neither overflows nor is 0 in float32."""

    def __call__(self, x: Array) -> Array:
        return exp_within(80.0, x)

    def _inverse(self, y: Array) -> Array:
        return jnp.log(jnp.where(y < math.exp(-80), math.exp(-80), y))

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: object = None) -> Array:
        return within(80.0, x)


class Sigmoid(transforms.SigmoidTransform):
    """NumPyro's, which is never 0 or 1, with an inverse that is finite at 0 and 1."""

    def _inverse(self, y: Array) -> Array:
        info = np.finfo(jnp.result_type(y, float))
        low, high = (jnp.asarray(end, info.dtype) for end in (info.tiny, 1 - info.eps))
        # Not `jnp.clip`, which multiplies the infinite slope of the logit at the ends by 0.
        return logit(jax.lax.clamp(low, jnp.asarray(y, info.dtype), high))

    def eq(self, other: object, static: bool = False) -> bool:
        return isinstance(other, transforms.SigmoidTransform)
