"""Families made by a change of variables: z = g(y), y from another family, g a bijection."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import logit
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints, transforms
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform
from scipy.special import ndtr

from lowerbound.distributions.support import OrMissing, range_of, same_support, words
from lowerbound.families.family import Factorized, Family, ObservedPart
from lowerbound.families.inverse_cdf import ByQuantile
from lowerbound.families.location_scale import LocationScale
from lowerbound.leaves import ByContent

__all__ = ["LogNormal", "LogitNormal", "Transformed"]


class TransformedDistribution(dist.TransformedDistribution):
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


class Transformed(Family):
    """The change of variables z = g(y), y of another family and g a bijection: log q(z) = log q(y) −
    log∣det ∂g/∂y∣, in nats, of Lebesgue measure (Kingma & Welling 2014, section 2.4, route 3).

    The distribution's, or for independent dimensions its `base_dist`'s, `sample_with_log_prob(key)` gives z
    and log q(z) without inverting g; `log_prob` of any other value inverts it. `mean` and `variance` are
    - in closed form for g = exp and a Gaussian family;
    - by the trapezium rule over 201 quantiles where g acts on each dimension, is bounded (a sigmoid), and
      the family's distributions have a quantile function; and for a Gaussian family where g grows
      linearly (affine, softplus). For a sigmoid of a Gaussian to 1e-6 where σ < 15, to 2% for any σ;
    - else a `NotImplementedError`: they may not exist.

    Where g acts on each dimension and the family's are independent, `missing` is as the family has it.

    **Arguments:** `family`; `bijection`: any NumPyro `Transform` from the family's support; its arrays are
    constants, not trained. Being code, it is not written to a file: load such a model with `like=`.

    **Raises:** `TypeError` where `bijection` is no `Transform`; `ValueError` where it is none of the
    family's support, or not one-to-one, or does not give vectors, or where `missing` values cannot pass it.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> from numpyro.distributions.transforms import ExpTransform, SigmoidTransform
    >>> p = lb.Transformed(lb.FullGaussian(2), ExpTransform())(jnp.zeros(5))
    >>> round(float(p.log_prob(jnp.ones(2))), 4)                     # −log 2π
    -1.8379
    >>> lb.Transformed(lb.Exponential(2), SigmoidTransform())
    Traceback (most recent call last):
    ...
    ValueError: Transformed: SigmoidTransform takes real numbers, and Exponential gives numbers above 0
    """

    family: Family
    event_size: int = eqx.field(static=True)
    content: ByContent = eqx.field(static=True)

    def __init__(self, family: Family, bijection: Transform):
        if not isinstance(bijection, Transform):
            raise TypeError(
                f"Transformed.bijection: expected a NumPyro Transform, found {type(bijection).__name__}"
            )
        self.family, self.content = family, ByContent(bijection)
        name, of = type(bijection).__name__, type(family).__name__
        if _folds(bijection):
            raise ValueError(f"Transformed.bijection: expected a one-to-one map, found {name}")
        if not same_support(bijection.domain, family.support):
            raise ValueError(
                f"Transformed: {name} takes {words(bijection.domain)}, and {of} gives {words(family.support)}"
            )
        if max(bijection.domain.event_dim, bijection.codomain.event_dim) > 1:
            raise ValueError(f"Transformed: expected a map of vectors or of numbers, found {name}")
        self.event_size = int(bijection.forward_shape((family.event_size,))[-1])
        if getattr(family, "missing", False) and not self._elementwise:
            raise ValueError(
                f"Transformed: {name} acts on all dimensions at once, so that none can be missing; make "
                f"{of} without missing=True"
            )

    @property
    def bijection(self) -> Transform:
        """The map g, its arrays held constant."""
        return self.content.value

    @property
    def _elementwise(self) -> bool:
        return self.bijection.domain.event_dim == self.bijection.codomain.event_dim == 0

    @property
    def size(self) -> int:
        return self.family.size

    @property
    def support(self) -> Constraint:
        each = self.bijection.codomain
        if not self._elementwise:
            return each
        return constraints.independent(OrMissing(each) if getattr(self.family, "missing", False) else each, 1)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        if not (isinstance(self.family, Factorized) and self._elementwise):
            return TransformedDistribution(self.family(parameters), self.bijection)
        marginals = TransformedDistribution(self.family.marginals(parameters), self.bijection)
        return ObservedPart(marginals, 1) if self.family.missing else marginals.to_event(1)


def _folds(transform: Transform) -> bool:
    return any(isinstance(g, transforms.AbsTransform) for g in getattr(transform, "parts", [transform]))


class LogNormal(LocationScale):
    """z = exp(y), y ~ N(μ, diag(σ²)): log p(z) = −½ Σᵢ [((log zᵢ − μᵢ)/σᵢ)² + log 2π + log σᵢ²] − Σᵢ log zᵢ,
    z > 0, in nats, of Lebesgue measure. The mean is exp(μ + σ²/2). Samples are kept within e^±80.

    **Arguments:** as [`DiagonalGaussian`][]'s, μ and σ those of log z.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.LogNormal(2)(jnp.zeros(4))
    >>> round(float(p.log_prob(jnp.ones(2))), 4), round(float(p.mean[0]), 4)             # −log 2π, √e
    (-1.8379, 1.6487)
    """

    @property
    def each(self) -> Constraint:
        return constraints.positive

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return TransformedDistribution(dist.Normal(location, scale), _Exp())


class LogitNormal(LocationScale):
    """z = 1/(1 + exp(−y)), y ~ N(μ, diag(σ²)): log p(z) = −½ Σᵢ [((logit zᵢ − μᵢ)/σᵢ)² + log 2π + log σᵢ²] −
    Σᵢ log zᵢ(1 − zᵢ), 0 < z < 1, in nats, of Lebesgue measure.

    Mean and variance have no closed form: they are sums over 201 quantiles, to 1e-6 where σ < 15 and to 2%
    for any σ. Samples are strictly between 0 and 1; a value of 0 or 1 counts as the nearest number between.

    **Arguments:** as [`DiagonalGaussian`][]'s, μ and σ those of logit z.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.LogitNormal(2)(jnp.zeros(4))
    >>> round(float(p.log_prob(jnp.full(2, 0.5))), 4), round(float(p.mean[0]), 4)        # log 16/2π, ½
    (0.9347, 0.5)
    """

    @property
    def each(self) -> Constraint:
        return constraints.unit_interval

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return TransformedDistribution(dist.Normal(location, scale), _Sigmoid())


class _Exp(transforms.ExpTransform):
    """exp within e^±80, so that it neither overflows nor is 0 in float32."""

    def __call__(self, x: Array) -> Array:
        return jnp.exp(jnp.clip(x, -80.0, 80.0))

    def _inverse(self, y: Array) -> Array:
        return jnp.log(jnp.maximum(y, math.exp(-80)))

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: object = None) -> Array:
        return jnp.clip(x, -80.0, 80.0)


class _Sigmoid(transforms.SigmoidTransform):
    """NumPyro's, which is never 0 or 1, with an inverse that is finite at 0 and 1."""

    def _inverse(self, y: Array) -> Array:
        info = np.finfo(jnp.result_type(y, float))
        return logit(jnp.clip(y, info.tiny, 1 - info.eps))

    def eq(self, other: object, static: bool = False) -> bool:
        return isinstance(other, transforms.SigmoidTransform)
