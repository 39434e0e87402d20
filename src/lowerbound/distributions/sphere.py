"""Directions: unit vectors, on the sphere in R^d."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints

from lowerbound.distributions.implicit import SMALLEST, beta_logit_sample
from lowerbound.distributions.special import digamma_error, stirling_error

__all__ = [
    "PowerSphericalDistribution",
    "UniformOnSphere",
    "dimensions_of_sphere",
    "direction_of",
    "uniform_divergence",
]


class PowerSphericalDistribution(Distribution):
    """The power spherical distribution of a unit vector `direction` and a number `concentration`, κ."""

    arg_constraints = {  # noqa: RUF012  # NumPyro's way
        "direction": constraints.sphere,
        "concentration": constraints.positive,
    }
    reparametrized_params = ["direction", "concentration"]  # noqa: RUF012
    support = constraints.sphere

    def __init__(self, direction: Float[Array, " d"], concentration: Float[Array, ""]):
        self.direction, self.concentration = direction, concentration
        super().__init__((), direction.shape)

    @property
    def _a_b(self) -> tuple[Array, float]:
        b = 0.5 * (self.event_shape[0] - 1)
        return b + self.concentration, b

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        key_height, key_around = jax.random.split(key)
        a, b = self._a_b
        logit = beta_logit_sample(key_height, a, jnp.asarray(b, a.dtype), sample_shape)
        height = 2 * jax.nn.sigmoid(logit) - 1
        # √(1 − height²) without its cancellation, nor its infinite slope, at the poles.
        radius = 2 * jnp.exp(0.5 * (jax.nn.log_sigmoid(logit) + jax.nn.log_sigmoid(-logit)))
        shape = (*sample_shape, self.event_shape[0] - 1)
        around = direction_of(jax.random.normal(key_around, shape, self.direction.dtype))
        z = jnp.concatenate([height[..., None], radius[..., None] * around], axis=-1)
        return direction_of(self._turned(z))

    def _turned(self, z: Array) -> Array:
        """z, around e₁, turned to lie around μ: by the Householder reflection of e₁ to μ, or to −μ and back,
        whichever mirror is far from both ends. The map jumps where μ₁ = 0; the distribution does not,
        nor the mean of the gradient."""
        mu = self.direction
        sign = jnp.where(mu[0] < 0, -1.0, 1.0).astype(mu.dtype)
        w = (sign * mu).at[0].add(1.0)
        return -sign * (z - (2 * (z @ w) / (w @ w))[..., None] * w)

    def log_prob(self, value: Array) -> Array:
        # ½(1 + μᵀz) by the distance to −μ or to μ, whichever is nearer: no digit is lost at either.
        to_minus, to_mu = (((value + s * self.direction) ** 2).sum(-1) / 4 for s in (1, -1))
        nearer = to_mu < 0.5
        log_half = jnp.where(
            nearer,
            jnp.log1p(-jnp.where(nearer, to_mu, 0.0)),
            jnp.log(jnp.maximum(jnp.where(nearer, 1.0, to_minus), SMALLEST)),
        )
        return self._log_highest + self.concentration * log_half

    @property
    def mean(self) -> Array:
        a, b = self._a_b
        return self.direction * (self.concentration / (a + b))

    @property
    def variance(self) -> Array:
        """Of each coordinate, from E[zzᵀ] = E[t²] μμᵀ + (1 − E[t²])/(d − 1) (I − μμᵀ), t = μᵀz."""
        a, b = self._a_b
        variance_of_t = 4 * a * b / ((a + b) ** 2 * (a + b + 1))
        # 1 − E[t²] = E[4 β(1 − β)], β ~ Beta(a, b).
        around = 4 * a * b / ((a + b) * (a + b + 1))
        squares = self.direction**2
        return variance_of_t * squares + around * (1 - squares) / (self.event_shape[0] - 1)

    def entropy(self) -> Array:
        """−E[log p(z)] in nats, Hausdorff measure (De Cao & Aziz 2020, eq. 17)."""
        return -self._log_highest - self.concentration * self._mean_log_half

    @property
    def _log_highest(self) -> Array:
        """log p(μ) = log C + κ log 2 = log Γ(a + b) − log Γ(a) − 2b log 2 − b log π."""
        a, b = self._a_b
        return _log_rising(a, b) - b * math.log(4 * math.pi)

    @property
    def _mean_log_half(self) -> Array:
        """E log ½(1 + μᵀz) = ψ(a) − ψ(a + b), by small terms."""
        a, b = self._a_b
        errors = digamma_error(a) - digamma_error(a + b)
        return -jnp.log1p(b / a) - b / (2 * a * (a + b)) + errors


class UniformOnSphere(Distribution):
    """The uniform distribution on the unit sphere in R^d: log p(z) = −log area, area = 2 π^(d/2)/Γ(d/2), in
    nats, Hausdorff measure.

    **Arguments:** `dimensions`: d, at least 2.

    **Raises:** `ValueError` for another number.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> round(float(lb.UniformOnSphere(3).log_prob(jnp.array([0.0, 0.0, 1.0]))), 4)     # −log 4π
    -2.531
    """

    support = constraints.sphere

    def __init__(self, dimensions: int):
        super().__init__((), (dimensions_of_sphere("UniformOnSphere", dimensions),))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        return direction_of(jax.random.normal(key, sample_shape + self.event_shape))

    def log_prob(self, value: Array) -> Array:
        return jnp.full(jnp.shape(value)[:-1], -self.entropy(), jnp.result_type(value, float))

    def entropy(self) -> float:
        """log area."""
        half = self.event_shape[0] / 2
        return math.log(2) + half * math.log(math.pi) - math.lgamma(half)

    @property
    def mean(self) -> Array:
        return jnp.zeros(self.event_shape)

    @property
    def variance(self) -> Array:
        return jnp.full(self.event_shape, 1 / self.event_shape[0])


def uniform_divergence(q: Distribution, p: Distribution) -> Array:
    """KL(q ‖ p) = log area − H(q) in nats, q power spherical, p uniform on the same sphere."""
    return p.entropy() - q.entropy()


def direction_of(v: Float[Array, "... d"]) -> Float[Array, "... d"]:
    """v/‖v‖. The zero vector counts as e₁, in its gradient too, so that it can be learned from there."""
    largest = jax.lax.stop_gradient(jnp.abs(v).max(-1, keepdims=True))
    zero = largest < np.finfo(v.dtype).tiny
    # Scaled first: squares of small numbers are 0 in float32, and of large ones infinite.
    v = v / jnp.where(zero, 1.0, largest) + jnp.where(zero, jnp.eye(1, v.shape[-1], dtype=v.dtype)[0], 0.0)
    return v / jnp.sqrt((v**2).sum(-1, keepdims=True))


def _log_rising(x: Array, by: float) -> Array:
    """log Γ(x + by) − log Γ(x), x ≥ ½, whose large terms are cancelled on paper."""
    rising = (x - 0.5) * jnp.log1p(by / x) + by * (jnp.log(x + by) - 1)
    return rising + stirling_error(x + by) - stirling_error(x)


def dimensions_of_sphere(name: str, dimensions: int) -> int:
    """`dimensions`, or a ValueError that says of which part they are not a whole number of at least 2."""
    if isinstance(dimensions, bool) or int(dimensions) != dimensions or dimensions < 2:
        raise ValueError(
            f"{name}: expected a whole number of at least 2 dimensions, found {dimensions!r}; in one, the "
            "sphere is ±1"
        )
    return int(dimensions)
