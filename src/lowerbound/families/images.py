"""Families over the grey values of images: in [0, 1], or whole numbers 0, 1, …, levels − 1."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from jax.scipy.special import logit
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from scipy.special import zeta

from lowerbound.families.family import Factorized, positive_size
from lowerbound.families.location_scale import LocationScale

__all__ = ["ContinuousBernoulli", "DiscretizedLogistic", "DiscretizedLogisticMixture"]


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

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        return _ContinuousBernoulli(parameters)


class _ContinuousBernoulli(Distribution):
    """In terms of a = t/2, log p(x) = t (x − ½) − L(a) with the even function L(a) = log(sinh a / a)."""

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012
    support = constraints.unit_interval
    reparametrized_params = ["logits"]  # noqa: RUF012

    def __init__(self, logits: Array):
        self.logits = logits
        super().__init__(jnp.shape(logits))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        # Never 0 or 1, where the inverse of the distribution function has no gradient at large t.
        step = float(np.finfo(self.logits.dtype).epsneg)
        u = random.uniform(key, sample_shape + self.batch_shape, self.logits.dtype)
        return self.icdf(jnp.clip(u, step, 1 - step))

    def icdf(self, q: Array) -> Array:
        """log(1 + q (eᵗ − 1))/t, from the end where the density is the greater, so that nothing overflows."""
        turned = self.logits > 0  # not ∣t∣, which has no gradient at 0
        t = jnp.where(turned, -self.logits, self.logits)
        q = jnp.where(turned, 1 - q, q)
        small = t > -0.03
        far = jnp.where(small, -1.0, t)
        near = jnp.where(small, t, 0.0)
        # The cumulants of a coin: a quotient of two numbers near 0 has a gradient of noise.
        b = q * (1 - q)
        series = q + near * b * (0.5 + near * ((1 - 2 * q) / 6 + near * (1 - 6 * b) / 24))
        x = jnp.where(small, series, jnp.log1p(q * jnp.expm1(far)) / far)
        return jnp.clip(jnp.where(turned, 1 - x, x), 0.0, 1.0)

    def log_prob(self, value: Array) -> Array:
        log_prob = self.logits * (value - 0.5) - _log_sinhc(0.5 * self.logits)
        return jnp.where((value < 0) | (value > 1), -jnp.inf, log_prob)

    @property
    def mean(self) -> Array:
        """½ + ½ L′(a) = eᵗ/(eᵗ − 1) − 1/t."""
        near, far, small = _near_and_far(0.5 * self.logits)
        slope = near * _even_series(near, 2 * _ORDERS)
        return 0.5 + 0.5 * jnp.where(small, slope, 1 / jnp.tanh(far) - 1 / far)

    @property
    def variance(self) -> Array:
        """¼ L″(a) = ¼ (1/a² − 1/sinh² a)."""
        near, far, small = _near_and_far(0.5 * self.logits)
        curvature = _even_series(near, 2 * _ORDERS * (2 * _ORDERS - 1))
        size = jnp.abs(far)
        inverse_sinh = -2 * jnp.exp(-size) / jnp.expm1(-2 * size)
        return 0.25 * jnp.where(small, curvature, 1 / size**2 - inverse_sinh**2)


# log(sinh a / a) = Σₖ (−1)ᵏ⁺¹ ζ(2k)/(k π²ᵏ) a²ᵏ, from sinh a / a = Πₙ (1 + a²/(n²π²)); ten terms are
# exact to 1e-16 up to ∣a∣ = ½.
_ORDERS = np.arange(1, 11)
_COEFFICIENTS = -((-1.0) ** _ORDERS) * zeta(2 * _ORDERS) / (_ORDERS * math.pi ** (2 * _ORDERS))


def _log_sinhc(a: Array) -> Array:
    """log(sinh a / a), accurate and differentiable for every a, 0 among them."""
    near, far, small = _near_and_far(a)
    size = jnp.abs(far)
    closed = size + jnp.log(-jnp.expm1(-2 * size)) - jnp.log(2 * size)
    return jnp.where(small, near**2 * _even_series(near, np.ones_like(_COEFFICIENTS)), closed)


def _near_and_far(a: Array) -> tuple[Array, Array, Array]:
    """`a` where it is small, and elsewhere, each held at a harmless number where it is the other."""
    small = jnp.abs(a) < 0.5
    return jnp.where(small, a, 0.0), jnp.where(small, 1.0, a), small


def _even_series(a: Array, factors: np.ndarray) -> Array:
    """Σₖ factorₖ cₖ a²ᵏ⁻², cₖ the coefficients of log(sinh a / a)."""
    coefficients = _COEFFICIENTS * factors
    return jnp.polyval(jnp.asarray(coefficients[::-1], a.dtype), a**2)


class DiscretizedLogistic(LocationScale):
    """Whole numbers 0, 1, …, levels − 1, a logistic distribution in bins: P(x) = F(x + ½) − F(x − ½), of
    counting measure (Kingma et al. 2016; Salimans et al. 2017, eq. 2). The lowest level takes all that is
    below it and the highest all that is above, so that the mass is 1 over the levels.

    **Arguments:** `event_size`: number of dimensions; `levels`: at least 2; `scale`: where σ comes from, one
    of [`Heteroscedastic`][] (the network), [`LearnedScale`][], [`FixedScale`][]; `missing`: whether NaN
    stands for a value that was not observed.

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

    def __check_init__(self) -> None:
        _check_levels(self)

    @property
    def each(self) -> Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> Distribution:
        return _DiscretizedLogistic(location, scale, self.levels)


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
        return _Mixture(logits, _DiscretizedLogistic(location, scale, self.levels))


def _check_levels(family: DiscretizedLogistic | DiscretizedLogisticMixture) -> None:
    name = f"{type(family).__name__}.levels"
    if positive_size(name, family.levels) < 2:
        raise ValueError(f"{name}: expected at least 2 levels, found {family.levels}")


class _DiscretizedLogistic(Distribution):
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    pytree_aux_fields = ("levels",)

    def __init__(self, loc: Array, scale: Array, levels: int):
        self.loc, self.levels = loc, levels
        self.scale = jnp.maximum(scale, 0.01 * self._width)
        super().__init__(jnp.broadcast_shapes(jnp.shape(loc), jnp.shape(scale)))

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    @property
    def _width(self) -> float:
        return 2 / (self.levels - 1)

    def _standardised_edge(self, x: Array) -> Array:
        """The edge between level x and the next, in units of the scale from the location."""
        # Of doubled levels, whole numbers, so that two bins have the edge between them to the last bit.
        edge = (2 * x + 1 - (self.levels - 1)) / (self.levels - 1)
        return (edge - self.loc) / self.scale

    def log_prob(self, value: Array) -> Array:
        x = jnp.asarray(value, jnp.result_type(self.loc))
        below = jnp.where(x > 0, self._standardised_edge(x - 1), -jnp.inf)
        above = jnp.where(x < self.levels - 1, self._standardised_edge(x), jnp.inf)
        # σ(b) − σ(a) = σ(b) σ(−a) (1 − exp(a − b)), in which no two numbers near each other are subtracted;
        # of the outermost levels the tail is a single sigmoid.
        inner = (x > 0) & (x < self.levels - 1)
        log_gap = jnp.where(inner, jnp.log(-jnp.expm1(-self._width / self.scale)), 0.0)
        return _log_sigmoid(above) + _log_sigmoid(-below) + log_gap

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        step = float(np.finfo(self.loc.dtype).epsneg)
        u = random.uniform(key, sample_shape + self.batch_shape, self.loc.dtype)
        y = self.loc + self.scale * logit(jnp.clip(u, step, 1 - step))
        return jnp.clip(jnp.round((y + 1) / self._width), 0, self.levels - 1).astype(int)

    @property
    def mean(self) -> Array:
        """E[x] = Σₓ P(X > x)."""
        levels = jnp.arange(self.levels - 1, dtype=self.loc.dtype)
        edge = jax.vmap(self._standardised_edge, out_axes=-1)(levels)
        return jax.nn.sigmoid(-edge).sum(-1)

    @property
    def variance(self) -> Array:
        levels = jnp.arange(self.levels, dtype=self.loc.dtype)
        P = jnp.exp(jax.vmap(self.log_prob, out_axes=-1)(levels))
        return (P * (levels - self.mean[..., None]) ** 2).sum(-1)


def _log_sigmoid(z: Array) -> Array:
    """log σ(z), 0 at +∞ with a gradient of 0 there."""
    finite = jnp.isfinite(z)
    return jnp.where(finite, jax.nn.log_sigmoid(jnp.where(finite, z, 0.0)), 0.0)


class _Mixture(Distribution):
    """Of discretised logistics along the last axis; NumPyro's own mixture refuses a support with ends."""

    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012
    pytree_data_fields = ("component",)

    def __init__(self, logits: Float[Array, "... K"], component: _DiscretizedLogistic):
        self.logits, self.component = logits, component
        super().__init__(jnp.shape(logits)[:-1])

    @property
    def support(self) -> Constraint:
        return self.component.support

    def log_prob(self, value: Array) -> Array:
        of_component = self.component.log_prob(jnp.asarray(value)[..., None])
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) + of_component, axis=-1)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        key_k, key_x = random.split(key)
        k = random.categorical(key_k, self.logits, shape=sample_shape + self.batch_shape)
        x = self.component.sample(key_x, sample_shape)
        return jnp.take_along_axis(x, k[..., None], axis=-1)[..., 0]

    @property
    def mean(self) -> Array:
        return (jax.nn.softmax(self.logits) * self.component.mean).sum(-1)

    @property
    def variance(self) -> Array:
        """Var x = E Var(x∣k) + Var E(x∣k)."""
        means = self.component.mean
        spread = self.component.variance + (means - self.mean[..., None]) ** 2
        return (jax.nn.softmax(self.logits) * spread).sum(-1)
