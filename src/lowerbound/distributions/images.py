"""Grey values: a density on [0, 1], and logistic distributions in bins."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import random
from jax.scipy.special import logit
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from scipy.special import zeta

__all__ = [
    "ContinuousBernoulliDistribution",
    "DiscretizedLogisticDistribution",
    "DiscretizedLogisticMixtureDistribution",
]


class ContinuousBernoulliDistribution(Distribution):
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


class DiscretizedLogisticDistribution(Distribution):
    """A logistic distribution in bins, of which the outermost reach to infinity; a share `stray` of the mass
    is the same for all levels."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    pytree_aux_fields = ("levels", "stray")

    def __init__(self, loc: Array, scale: Array, levels: int, stray: float = 0.0):
        self.loc, self.levels, self.stray = loc, levels, stray
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
        logistic = _log_sigmoid(above) + _log_sigmoid(-below) + log_gap
        if not self.stray:
            return logistic
        return jnp.logaddexp(math.log1p(-self.stray) + logistic, math.log(self.stray / self.levels))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        if not self.stray:
            return self._logistic(key, sample_shape)
        key, strays, level = random.split(key, 3)
        shape = sample_shape + self.batch_shape
        anywhere = random.randint(level, shape, 0, self.levels)
        strayed = random.uniform(strays, shape) < self.stray
        return jnp.where(strayed, anywhere, self._logistic(key, sample_shape))

    def _logistic(self, key: PRNGKeyArray, sample_shape: tuple[int, ...]) -> Array:
        step = float(np.finfo(self.loc.dtype).epsneg)
        u = random.uniform(key, sample_shape + self.batch_shape, self.loc.dtype)
        y = self.loc + self.scale * logit(jnp.clip(u, step, 1 - step))
        return jnp.clip(jnp.round((y + 1) / self._width), 0, self.levels - 1).astype(int)

    @property
    def mean(self) -> Array:
        """E[x] = Σₓ P(X > x)."""
        levels = jnp.arange(self.levels - 1, dtype=self.loc.dtype)
        edge = jax.vmap(self._standardised_edge, out_axes=-1)(levels)
        return (1 - self.stray) * jax.nn.sigmoid(-edge).sum(-1) + self.stray * (self.levels - 1) / 2

    @property
    def variance(self) -> Array:
        levels = jnp.arange(self.levels, dtype=self.loc.dtype)
        P = jnp.exp(jax.vmap(self.log_prob, out_axes=-1)(levels))
        return (P * (levels - self.mean[..., None]) ** 2).sum(-1)


def _log_sigmoid(z: Array) -> Array:
    """log σ(z), 0 at +∞ with a gradient of 0 there."""
    finite = jnp.isfinite(z)
    return jnp.where(finite, jax.nn.log_sigmoid(jnp.where(finite, z, 0.0)), 0.0)


class DiscretizedLogisticMixtureDistribution(Distribution):
    """Of discretised logistics along the last axis; NumPyro's own mixture refuses a support with ends."""

    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012
    pytree_data_fields = ("component",)

    def __init__(self, logits: Float[Array, "... K"], component: DiscretizedLogisticDistribution):
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
