"""Families made by a change of variables: z = g(y), y from another family, g a bijection."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints, transforms
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import Transform

from lowerbound.distributions.missing import ObservedPart
from lowerbound.distributions.support import OrMissing, same_support, words
from lowerbound.distributions.transformed import Exp, Sigmoid, TransformedDistribution
from lowerbound.families.family import Factorized, Family
from lowerbound.families.fitted import Fitted, Found
from lowerbound.families.location_scale import LearnedScale, LocationScale
from lowerbound.leaves import ByContent

__all__ = ["LogNormal", "LogitNormal", "Transformed"]


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
        if family.missing and not self._elementwise:
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
    def missing(self) -> bool:
        return self.family.missing

    @property
    def support(self) -> Constraint:
        each = self.bijection.codomain
        if not self._elementwise:
            return each
        return constraints.independent(OrMissing(each) if self.missing else each, 1)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        if not (isinstance(self.family, Factorized) and self._elementwise):
            return TransformedDistribution(self.family(parameters), self.bijection)
        marginals = TransformedDistribution(self.family.marginals(parameters), self.bijection)
        return ObservedPart(marginals, 1) if self.family.missing else marginals.to_event(1)


def _folds(transform: Transform) -> bool:
    parts = transform.parts if isinstance(transform, transforms.ComposeTransform) else [transform]
    return any(isinstance(g, transforms.AbsTransform) for g in parts)


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

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Behind a division by each column's geometric mean, with a learned scale a column from that of its
        logarithms."""
        mean, spread = found.log_moments()
        spread = np.where(spread == 0, 1.0, spread)
        return Fitted(
            found.family(cls, scale=LearnedScale(found.columns, initial=jnp.asarray(spread))),
            how=" with a learned scale a column, of x over its geometric mean",
            shift=np.zeros(found.columns),
            scale=np.exp(mean),
        )

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return TransformedDistribution(dist.Normal(location, scale), Exp())


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
        return TransformedDistribution(dist.Normal(location, scale), Sigmoid())
