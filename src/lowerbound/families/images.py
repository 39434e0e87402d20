"""Families over the grey values of images: in [0, 1], or whole numbers 0, 1, …, levels − 1."""

from __future__ import annotations

import math
import warnings

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.images import (
    ContinuousBernoulliDistribution,
    DiscretizedLogisticDistribution,
    DiscretizedLogisticMixtureDistribution,
)
from lowerbound.families.family import Factorized, positive_size
from lowerbound.families.fitted import Fitted, Found
from lowerbound.families.location_scale import LearnedScale, LocationScale
from lowerbound.parts import LEVELED, REAL, UNIT, kebab, suggested

__all__ = ["ContinuousBernoulli", "DiscretizedLogistic", "DiscretizedLogisticMixture"]


_STRAY = 1e-4


class ContinuousBernoulli(Factorized):
    """A density ∝ exp(t x) on [0, 1]: log p(x) = Σᵢ [tᵢ xᵢ − log((exp tᵢ − 1)/tᵢ)], in nats, of Lebesgue
    measure (Loaiza-Ganem & Cunningham 2019, with λ = 1/(1 + e⁻ᵗ)). The vector holds the logits t; zeros are
    the uniform distribution.

    It is what "Bernoulli" with grey values is meant to be, with the constant that makes it a density.
    Samples are differentiable in t.

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.ContinuousBernoulli(1)(jnp.array([2.0]))              # log [2/(e² − 1)] + 1
    >>> round(float(p.log_prob(jnp.array([0.5]))), 4)
    -0.1614
    """

    @property
    def each(self) -> Constraint:
        return constraints.unit_interval

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Of numbers from 0 to 1 as they are, and of 8-bit images through uniform dequantisation.

        **Raises:** `ValueError` for other numbers, with the ways out.
        """
        mean = found.moments()[0]
        if found.low >= 0 and found.high <= 1:
            return Fitted(found.family(cls), start=_tilts(mean))
        if found.grey:
            how, start = ", through uniform dequantisation", _tilts((mean + 0.5) / 256)
            return Fitted(found.family(cls), how, levels=256, start=start)
        raise ValueError(
            f"likelihood: {kebab(cls.__name__)} is over {UNIT}, or 8-bit images; found {found.words}. Divide "
            f"by the greatest value, or take {suggested('likelihood', LEVELED)} for whole numbers, "
            f"{suggested('likelihood', REAL)} for real numbers"
        )

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return ContinuousBernoulliDistribution(parameters)


def _tilts(mean: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """t of the densities ∝ exp(t x) on [0, 1] with these means, 1/(1 − e⁻ᵗ) − 1/t, in ±50, by bisection."""
    low, high = np.full(mean.shape, -50.0), np.full(mean.shape, 50.0)
    for _ in range(40):
        t = (low + high) / 2
        t = np.where(np.abs(t) < 1e-3, 1e-3, t)  # where the mean is ½ to 1e-4
        above = 1 / -np.expm1(-t) - 1 / t > mean
        low, high = np.where(above, low, t), np.where(above, t, high)
    return (low + high) / 2


class DiscretizedLogistic(LocationScale):
    """Whole numbers 0, 1, …, levels − 1, a logistic distribution in bins: P(x) = F(x + ½) − F(x − ½), of
    counting measure (Kingma et al. 2016; Salimans et al. 2017, eq. 2). The lowest level takes all that is
    below it and the highest all that is above, so that the mass is 1 over the levels.

    **Arguments:** `event_size`: number of dimensions; `levels`: at least 2; `stray`: a share ε of the mass
    that is the same for all levels, P = (1 − ε)(F(x + ½) − F(x − ½)) + ε/levels, so that no value costs more
    than log(levels/ε) nats; `scale`: where σ comes from, one of [`Heteroscedastic`][] (the network),
    [`LearnedScale`][], [`FixedScale`][]; `missing`: whether NaN stands for a value that was not observed.

    The conditioning vector holds the location μ, then what the scale takes (by default log σ²), in units
    where the levels span −1 to 1: level x lies at 2x/(levels − 1) − 1. Zeros are the middle with σ = 1,
    half the range: wide, with 27% of the mass on each of the outermost of 256 levels, and no level below
    a thousandth. σ is kept at least 1/100 of the distance of two levels, where all mass is on the nearest;
    below, its gradient is 0.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> p = lb.DiscretizedLogistic(1, levels=3)(jnp.zeros(2))
    >>> jnp.exp(p.log_prob(jnp.arange(3.0)[:, None])).round(4).tolist()
    [0.3775, 0.2449, 0.3775]
    >>> p.mean.tolist()
    [1.0]
    """

    levels: int = eqx.field(static=True, default=256)
    stray: float = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        _check_levels(self)
        if not 0 <= self.stray < 1:
            raise ValueError(f"DiscretizedLogistic.stray: expected a share in [0, 1), found {self.stray}")

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """From each column's own scale, σ = √3/π standard deviations in units where the levels span −1 to 1.
        Of images of 8 bits the scale is a function of z, and a share of 1e-4 of the mass is the same for all
        levels: a pixel that never varied costs at most 14.8 nats a row in which it does. Of other numbers the
        scale is learned a column."""
        mean, spread = found.moments()
        scale = math.sqrt(3) / math.pi * 2 * np.maximum(spread, 1.0) / (found.levels - 1)
        location = 2 * mean / (found.levels - 1) - 1
        if found.grey:
            family = found.family(cls, found.levels, _STRAY)
            return Fitted(family, " with a scale from z", start=np.concatenate([location, 2 * np.log(scale)]))
        learned = LearnedScale(found.columns, initial=jnp.asarray(scale))
        return Fitted(found.family(cls, found.levels, scale=learned), start=location)

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return DiscretizedLogisticDistribution(location, scale, self.levels, self.stray)


class DiscretizedLogisticMixture(Factorized):
    """Each dimension is a mixture of `components` [`DiscretizedLogistic`][]: P(x) = Σₖ πₖ Pₖ(x), of counting
    measure (Salimans et al. 2017, eq. 2, without the autoregression over channels).

    **Arguments:** `event_size`: number of dimensions; `components`; `levels`: at least 2; `missing`: whether
    NaN stands for a value that was not observed.

    The conditioning vector holds `3 · components` blocks of `event_size`: the logits of π, component by
    component, then shifts of the locations, then shifts of log σ². The locations start from equal steps
    over −1 … 1 and the scales from 1/components, so that zeros are a mixture of equal weights that covers
    the levels evenly, whose components are not alike: components that are alike are trained alike. Units
    and the least σ are as in [`DiscretizedLogistic`][], which the mixture of one component is.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.DiscretizedLogisticMixture(1, components=2, levels=4)
    >>> family.size
    6
    >>> p = family(jnp.zeros(6))
    >>> round(float(jnp.exp(p.log_prob(jnp.arange(4.0)[:, None])).sum()), 4)
    1.0
    """

    components: int = eqx.field(static=True, default=5)
    levels: int = eqx.field(static=True, default=256)

    def __check_init__(self) -> None:
        positive_size("DiscretizedLogisticMixture.components", self.components)
        _check_levels(self)

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """The start has locations at the quantiles of each column, a component each, and scales that cover
        the steps between them."""
        family = found.family(cls, levels=found.levels)
        K, unit = family.components, 2 / (found.levels - 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns without a value
            quantiles = np.nanquantile(found.x, (np.arange(K) + 0.5) / K, axis=0)
        location = np.nan_to_num(quantiles) * unit - 1
        shift = location - (2 * np.arange(K)[:, None] + 1 - K) / K
        scale = unit * np.maximum(found.moments()[1] / K, 0.5)
        log_variance = np.broadcast_to(2 * np.log(scale * K), shift.shape)
        start = np.stack([np.zeros_like(shift), shift, log_variance]).reshape(-1)
        return Fitted(family, start=start)

    @property
    def size(self) -> int:
        return 3 * self.components * self.event_size

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        K = self.components
        logits, shift, log_variance = jnp.moveaxis(parameters.reshape(3, K, self.event_size), 1, 2)
        location = shift + (2 * np.arange(K) + 1 - K) / K
        scale = jnp.exp(0.5 * log_variance) / K
        return DiscretizedLogisticMixtureDistribution(
            logits, DiscretizedLogisticDistribution(location, scale, self.levels)
        )


def _check_levels(family: DiscretizedLogistic | DiscretizedLogisticMixture) -> None:
    name = f"{type(family).__name__}.levels"
    if positive_size(name, family.levels) < 2:
        raise ValueError(f"{name}: expected at least 2 levels, found {family.levels}")
