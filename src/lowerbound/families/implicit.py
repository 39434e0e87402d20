"""Families whose samples are differentiated implicitly (Figurnov, Mohamed & Mnih 2018): Gamma, Beta and
Dirichlet."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.implicit import BetaDistribution, DirichletDistribution, GammaDistribution
from lowerbound.families.family import Factorized, Family, positive_size
from lowerbound.families.fitted import Fitted, Found

__all__ = ["Beta", "Dirichlet", "Gamma"]

_LOG_CONCENTRATION = (math.log(1e-2), math.log(1e4))
_LOG_RATE = 20.0


class Gamma(Factorized):
    """log p(x) = Σᵢ [aᵢ log rᵢ + (aᵢ − 1) log xᵢ − rᵢ xᵢ − log Γ(aᵢ)] in nats, x > 0, Lebesgue measure. The
    vector holds the log of the concentrations a, then the log of the rates r; zeros are the unit exponential.

    Concentrations are kept in [1e-2, 1e4] and rates in [e⁻²⁰, e²⁰], so that densities and their gradients
    are finite in float32 whatever a network puts out; beyond an end the gradient of that number is 0.

    Samples are differentiable in both (Figurnov et al. 2018) and at least `SMALLEST` = 2⁻¹¹⁰, a value
    that stands for the whole interval (0, 2⁻¹¹⁰]: its log-density is the log of the interval's mean
    density, so that importance weights stay unbiased. The interval holds 5e-4 of the mass at a = 0.1
    (and 0.5 at 0.01), and gradients through the samples leave it out: for posteriors of smaller concentration
    use the KL in closed form ([`kl_divergence`][]), which knows no such end.

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.Gamma(1)(jnp.array([jnp.log(3.0), jnp.log(2.0)]))     # 2³ x² e⁻²ˣ / Γ(3)
    >>> round(float(jnp.exp(p.log_prob(jnp.ones(1)))), 4)
    0.5413
    """

    blocks = 2

    @property
    def each(self) -> Constraint:
        return constraints.positive

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        log_concentration, log_rate = jnp.split(parameters, 2)
        return GammaDistribution(
            _concentration(log_concentration), jnp.exp(jnp.clip(log_rate, -_LOG_RATE, _LOG_RATE))
        )


class Beta(Factorized):
    """log p(x) = Σᵢ [(aᵢ − 1) log xᵢ + (bᵢ − 1) log(1 − xᵢ) − log B(aᵢ, bᵢ)] in nats, 0 < x < 1, Lebesgue
    measure. The vector holds the log of all a, then the log of all b; zeros are the uniform distribution.

    a and b are kept in [1e-2, 1e4] (beyond an end the gradient of that number is 0). Samples are
    differentiable in both (Figurnov et al. 2018) and lie between 2⁻¹¹⁰ and the largest number below 1, that
    is 1 − 2⁻²⁴ in float32. Each of these two stands for the interval between it and the end, and its
    log-density is the log of that interval's mean density. Float32 is coarse near 1: at a = 1 the upper
    interval holds 2e-4 of the mass for b = 0.5, and 0.2 for b = 0.1; gradients through samples leave it
    out. Data that are nearer to 1 than to 0 are better modelled as 1 − x.

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.Beta(1)(jnp.log(jnp.array([2.0, 3.0])))               # x (1 − x)² / B(2, 3)
    >>> round(float(jnp.exp(p.log_prob(jnp.array([0.5])))), 4)
    1.5
    """

    blocks = 2

    @property
    def each(self) -> Constraint:
        return constraints.open_interval(0.0, 1.0)

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """The start has the columns' means m and variances m (1 − m)/(a + b + 1)."""
        mean, spread = found.moments()
        m = np.clip(mean, 1e-3, 1 - 1e-3)
        total = np.clip(m * (1 - m) / np.maximum(spread**2, 1e-12) - 1, 0.1, 1e3)
        return Fitted(found.family(cls), start=np.log(np.concatenate([m * total, (1 - m) * total])))

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        a, b = jnp.split(_concentration(parameters), 2)
        return BetaDistribution(a, b)


class Dirichlet(Family):
    """log p(x) = Σᵢ (αᵢ − 1) log xᵢ − Σᵢ log Γ(αᵢ) + log Γ(Σᵢ αᵢ) in nats, x ≥ 0 with Σᵢ xᵢ = 1; a density in
    the Lebesgue measure of the first event_size − 1 coordinates. The vector holds log α; zeros are the
    uniform distribution on the simplex.

    The α are kept in [1e-2, 1e4] (beyond an end the gradient of that number is 0). Samples are
    differentiable in α (Figurnov et al. 2018); a coordinate is at least 2⁻¹¹⁰, a value that stands for
    the interval (0, 2⁻¹¹⁰] as in [`Gamma`][]. An x whose sum is 1 only to rounding is taken for x/Σᵢ xᵢ.

    **Arguments:** `event_size`: number of coordinates, at least 2.

    **Raises:** `ValueError` for another event size.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.Dirichlet(3)(jnp.zeros(3))                            # Γ(3) everywhere
    >>> round(float(jnp.exp(p.log_prob(jnp.array([0.2, 0.3, 0.5])))), 4)
    2.0
    """

    event_size: int = eqx.field(static=True)

    def __init__(self, event_size: int):
        self.event_size = positive_size("Dirichlet", event_size)
        if self.event_size < 2:
            raise ValueError(
                "Dirichlet: expected an event of at least 2 coordinates, found 1; they sum to 1, so that "
                "a single one is always 1"
            )

    @property
    def size(self) -> int:
        return self.event_size

    @property
    def support(self) -> Constraint:
        return constraints.simplex

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        return DirichletDistribution(_concentration(parameters))


def _concentration(log_concentration: Array) -> Array:
    return jnp.exp(jnp.clip(log_concentration, *_LOG_CONCENTRATION))
