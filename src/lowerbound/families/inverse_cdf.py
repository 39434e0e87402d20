"""Families sampled by their quantile function: z = F⁻¹(u), u uniform over (0, 1).

The first of the three routes to a differentiable sample that Kingma & Welling 2014 (section 2.4) name.
"""

from __future__ import annotations

import math
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.quantile import (
    ByQuantile,
    CauchyDistribution,
    GumbelDistribution,
    KumaraswamyDistribution,
    LogisticDistribution,
    ParetoDistribution,
    WeibullDistribution,
)
from lowerbound.distributions.special import exp_within
from lowerbound.families.family import Factorized
from lowerbound.families.location_scale import LocationScale

__all__ = [
    "Cauchy",
    "Exponential",
    "Gumbel",
    "InverseCDF",
    "Kumaraswamy",
    "Logistic",
    "Pareto",
    "Rayleigh",
    "Weibull",
]


class InverseCDF(Factorized):
    """A family of independent dimensions, sampled by its quantile functions: zᵢ = Fᵢ⁻¹(uᵢ; parameters), u
    uniform over (0, 1), of which z is a differentiable function of the parameters (Kingma & Welling 2014,
    section 2.4, route 1). Densities, moments, support and KL are the family's own.

    u is never 0 or 1: in float32 it is (k + ½)/2²³, so that no sample is infinite.

    **Arguments:** `family`: any continuous [`Factorized`][] family whose distributions have `icdf`.

    **Raises:** `TypeError` for another family.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> q = lb.InverseCDF(lb.Laplace(2))(jnp.zeros(4))
    >>> q.sample(jax.random.key(0)).shape, q.has_rsample
    ((2,), True)
    >>> lb.InverseCDF(lb.FullGaussian(2))
    Traceback (most recent call last):
    ...
    TypeError: InverseCDF: expected a family of independent dimensions, found FullGaussian
    """

    family: Factorized

    def __init__(self, family: Factorized):
        name = type(family).__name__
        if not isinstance(family, Factorized):
            raise TypeError(f"InverseCDF: expected a family of independent dimensions, found {name}")
        if family.each.is_discrete:
            raise TypeError(
                f"InverseCDF: expected a continuous family, found {name}: the quantiles of counts are no "
                "differentiable function of the parameters"
            )
        self.family, self.event_size, self.missing = family, family.event_size, family.missing
        try:
            jax.eval_shape(lambda v: family.marginals(v).icdf(0.5), jnp.zeros(family.size))
        except (NotImplementedError, ImportError) as error:
            raise TypeError(
                f"InverseCDF: expected a family whose distributions have a quantile function (icdf), and "
                f"{name}'s have none{f' ({error})' if str(error) else ''}; use {name} itself"
            ) from None

    @property
    def size(self) -> int:
        return self.family.size

    @property
    def each(self) -> Constraint:
        return self.family.each

    def taking_missing(self) -> Self:
        return type(self)(self.family.taking_missing())

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return ByQuantile(self.family.marginals(parameters))

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """The family's own."""
        return self.family.point(parameters)


# What is put out as a logarithm is kept within these bounds, so that quantiles and their gradients stay
# finite in float32, whose largest number is e⁸⁸.
_LOG_SCALE, _LOG_SHAPE = 40.0, 10.0


class Exponential(Factorized):
    """log p(x) = Σᵢ [log λᵢ − λᵢ xᵢ], x > 0, in nats, of Lebesgue measure; sampled as −log(1 − u)/λ.

    The vector holds log λ, kept within ±40. The mean is 1/λ.

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> float(lb.Exponential(2)(jnp.zeros(2)).log_prob(jnp.array([1.0, 2.0])))           # −(1 + 2)
    -3.0
    """

    @property
    def each(self) -> Constraint:
        return constraints.positive

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return ByQuantile(dist.Exponential(exp_within(_LOG_SCALE, parameters)))


class Weibull(Factorized):
    """log p(x) = Σᵢ [log kᵢ − log xᵢ + tᵢ − exp tᵢ], tᵢ = kᵢ log(xᵢ/λᵢ), x > 0, in nats, of Lebesgue
    measure; sampled as λ (−log(1 − u))^{1/k}.

    The vector holds log λ (the scales), kept within ±40, then log k (the shapes), within ±10; samples are
    kept within e^±60. Beyond t = 20, where log p < −e²⁰, exp t is continued by its tangent, so that it
    stays finite. The mean is λ Γ(1 + 1/k).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.Weibull(1)(jnp.array([0.0, jnp.log(2.0)]))
    >>> round(float(p.log_prob(jnp.array([1.0]))), 4)                # log 2 − 1
    -0.3069
    """

    blocks = 2

    @property
    def each(self) -> Constraint:
        return constraints.positive

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        log_scale, log_shape = jnp.split(parameters, 2)
        return ByQuantile(
            WeibullDistribution(exp_within(_LOG_SCALE, log_scale), exp_within(_LOG_SHAPE, log_shape))
        )


class Rayleigh(Factorized):
    """log p(x) = Σᵢ [log xᵢ − 2 log σᵢ − xᵢ²/(2σᵢ²)], x > 0, in nats, of Lebesgue measure: the length of a
    vector of two independent N(0, σ²). It is the Weibull distribution of shape 2 and scale σ√2; sampled
    as σ √(−2 log(1 − u)).

    The vector holds log σ, kept within ±40. The mean is σ √(π/2).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Rayleigh(1)(jnp.zeros(1)).log_prob(jnp.ones(1))), 4)
    -0.5
    """

    @property
    def each(self) -> Constraint:
        return constraints.positive

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        scale = math.sqrt(2) * exp_within(_LOG_SCALE, parameters)
        return ByQuantile(WeibullDistribution(scale, jnp.full_like(scale, 2.0)))


class Pareto(Factorized):
    """log p(x) = Σᵢ [log αᵢ + αᵢ log m − (αᵢ + 1) log xᵢ], x > m, in nats, of Lebesgue measure; sampled as
    m (1 − u)^{−1/α}.

    The vector holds log α (the shapes), kept within ±10; samples are kept below m e⁶⁰. The minimum m is
    fixed: a learned one would move the support. The mean is m α/(α − 1), infinite for α ≤ 1.

    **Arguments:** `event_size`: number of dimensions; `minimum`: m; `missing`: whether NaN stands for a
    value that was not observed.

    **Raises:** `ValueError` where m is not a positive number.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.Pareto(1, minimum=2.0)(jnp.zeros(1))
    >>> round(float(p.log_prob(jnp.array([4.0]))), 4)                # log 2 − 2 log 4
    -2.0794
    """

    minimum: float = eqx.field(static=True, default=1.0, converter=float, kw_only=True)

    def __check_init__(self) -> None:
        if not 0 < self.minimum < math.inf:
            raise ValueError(f"Pareto.minimum: expected a positive number, found {self.minimum!r}")

    @property
    def each(self) -> Constraint:
        return constraints.greater_than(self.minimum)

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return ByQuantile(ParetoDistribution(self.minimum, exp_within(_LOG_SHAPE, parameters)))


class Kumaraswamy(Factorized):
    """log p(x) = Σᵢ [log aᵢbᵢ + (aᵢ − 1) log xᵢ + (bᵢ − 1) log(1 − xᵢ^aᵢ)], 0 < x < 1, in nats, of Lebesgue
    measure (Kumaraswamy 1980): much like Beta(a, b), and sampled in closed form,
    (1 − (1 − u)^{1/b})^{1/a}. A value of 0 or 1 counts as the nearest number between.

    The vector holds log a, then log b, both kept within ±10. Samples are kept from e⁻⁶⁰ to the largest
    number below 1. The mean is b B(1 + 1/a, b).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> float(lb.Kumaraswamy(2)(jnp.zeros(4)).log_prob(jnp.array([0.2, 0.9])))           # uniform
    0.0
    """

    blocks = 2

    @property
    def each(self) -> Constraint:
        return constraints.unit_interval

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return ByQuantile(KumaraswamyDistribution(*jnp.split(exp_within(_LOG_SHAPE, parameters), 2)))


class Gumbel(LocationScale):
    """log p(x) = −Σᵢ [εᵢ + exp(−εᵢ) + log σᵢ], εᵢ = (xᵢ − μᵢ)/σᵢ, in nats, of Lebesgue measure: the limit of
    the largest of many; sampled as μ − σ log(−log u). The mean is μ + 0.5772 σ, the variance π²σ²/6.

    Below ε = −20, where log p < −e²⁰, exp(−εᵢ) is continued by its tangent, so that it stays finite.

    **Arguments:** as [`DiagonalGaussian`][]'s.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> float(lb.Gumbel(2)(jnp.zeros(4)).log_prob(jnp.zeros(2)))
    -2.0
    """

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return ByQuantile(GumbelDistribution(location, scale))


class Logistic(LocationScale):
    """log p(x) = −Σᵢ [εᵢ + 2 log(1 + exp(−εᵢ)) + log σᵢ], εᵢ = (xᵢ − μᵢ)/σᵢ, in nats, of Lebesgue measure;
    sampled as μ + σ log(u/(1 − u)). The variance is π²σ²/3.

    **Arguments:** as [`DiagonalGaussian`][]'s.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Logistic(1)(jnp.zeros(2)).log_prob(jnp.zeros(1))), 4)             # −2 log 2
    -1.3863
    """

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return ByQuantile(LogisticDistribution(location, scale))


class Cauchy(LocationScale):
    """log p(x) = −Σᵢ log[πσᵢ (1 + εᵢ²)], εᵢ = (xᵢ − μᵢ)/σᵢ, in nats, of Lebesgue measure; sampled as
    μ + σ tan π(u − ½). It has no mean and no variance: both are NaN.

    **Arguments:** as [`DiagonalGaussian`][]'s.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.Cauchy(1)(jnp.zeros(2)).log_prob(jnp.zeros(1))), 4)               # −log π
    -1.1447
    """

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return ByQuantile(CauchyDistribution(location, scale))

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """The centre μ: there is no mean."""
        return parameters[: self.event_size]
