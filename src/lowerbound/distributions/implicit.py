"""Distributions whose samples are differentiated implicitly: Gamma, Beta and Dirichlet.

A sample z of such a distribution solves F(z; a) = u for a fixed u, F the distribution function, so that
dz/da = −(∂F/∂a)/p(z) (Figurnov, Mohamed & Mnih 2018, eq. 7). All three are made of gamma variables, which
are drawn and differentiated as logarithms: at small concentrations the variables themselves are below every
positive number of float32.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import digamma
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints

from lowerbound.distributions.special import digamma_error, exp_excess, stirling_error

__all__ = [
    "SMALLEST",
    "BetaDistribution",
    "DirichletDistribution",
    "GammaDistribution",
    "beta_divergence",
    "beta_logit_sample",
    "dirichlet_divergence",
    "gamma_divergence",
    "log_gamma_sample",
]


# Samples below it are set to it: float32 ends at 1e-38, and densities divide by z.
SMALLEST = 2.0**-110

_LOG_SMALLEST = math.log(SMALLEST)


class GammaDistribution(dist.Gamma):
    """NumPyro's Gamma, drawn as a logarithm, with a density that is accurate in float32: NumPyro's is a
    difference of terms of size a log a."""

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        concentration = jnp.broadcast_to(self.concentration, sample_shape + self.batch_shape)
        log_z = log_gamma_sample(key, concentration) - jnp.log(self.rate)
        return _floored_exp(log_z)

    def log_prob(self, value: Array) -> Array:
        a, rate = self.concentration, self.rate
        x = jnp.asarray(value, jnp.result_type(value, a))
        bottom = x <= SMALLEST
        x = jnp.where(bottom, SMALLEST, x)
        excess = rate * x - a
        log_ratio = _log_ratio(excess, a, jnp.log(x) + jnp.log(rate) - jnp.log(a))
        # The terms of size a log a cancelled on paper: x = a/r has log-density −½ log 2πa + …
        log_prob = a * log_ratio - excess + 0.5 * jnp.log(a / (2 * jnp.pi)) - stirling_error(a) - jnp.log(x)
        # The mean of xᵃ⁻¹ over the interval is that at its end, divided by a.
        log_prob = log_prob - jnp.where(bottom, jnp.log(a), 0)
        return jnp.where(value < 0, -jnp.inf, log_prob)


class BetaDistribution(dist.Beta):
    """NumPyro's Beta, made of two gamma variables drawn as logarithms, with a density that is accurate in
    float32."""

    support = constraints.open_interval(0.0, 1.0)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        logit = beta_logit_sample(key, self.concentration1, self.concentration0, sample_shape)
        z = jax.nn.sigmoid(logit)
        return jnp.clip(z, SMALLEST, _largest_below_1(z))

    def log_prob(self, value: Array) -> Array:
        a, b = self.concentration1, self.concentration0
        x = jnp.asarray(value, jnp.result_type(value, a))
        largest = _largest_below_1(x)
        bottom, top = x <= SMALLEST, x >= largest
        x = jnp.where(bottom, SMALLEST, jnp.where(top, largest, x))
        total = a + b
        m, n = a / total, b / total
        # x − E[x], from the end that is nearer: 1 − x loses no digit where x > ½.
        excess = jnp.where(m < 0.5, x - m, n - (1 - x))
        log_x, log_rest = jnp.log(x), jnp.log1p(-x)
        log_ratios = a * _log_ratio(excess, m, log_x - jnp.log(m)) + b * _log_ratio(
            -excess, n, log_rest - jnp.log(n)
        )
        log_scale = 0.5 * (jnp.log(a) + jnp.log(n) - jnp.log(2 * jnp.pi))
        errors = stirling_error(total) - stirling_error(a) - stirling_error(b)
        log_prob = log_ratios + log_scale + errors - log_x - log_rest
        log_prob = log_prob - jnp.where(bottom, jnp.log(a), 0) - jnp.where(top, jnp.log(b), 0)
        return jnp.where((value < 0) | (value > 1), -jnp.inf, log_prob)


class DirichletDistribution(dist.Dirichlet):
    """NumPyro's Dirichlet, made of gamma variables drawn as logarithms, with a density that is accurate in
    float32."""

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        alpha = jnp.broadcast_to(self.concentration, sample_shape + self.batch_shape + self.event_shape)
        z = _floored_exp(jax.nn.log_softmax(log_gamma_sample(key, alpha), axis=-1))
        return jnp.minimum(z, _largest_below_1(z))

    def log_prob(self, value: Array) -> Array:
        alpha = self.concentration
        x = jnp.asarray(value, jnp.result_type(value, alpha))
        bottom = x <= SMALLEST
        x = jnp.where(bottom, SMALLEST, x)
        total = alpha.sum(-1, keepdims=True)
        m = alpha / total
        log_x = jnp.log(x)
        # Σᵢ αᵢ(xᵢ/mᵢ − 1) = Σᵢαᵢ (Σᵢxᵢ − 1) is 0 but for the rounding of x, which it takes out again.
        log_ratios = alpha * _log_ratio(x - m, m, log_x - jnp.log(m)) - total * (x - m)
        each = log_ratios + 0.5 * jnp.log(alpha / (2 * jnp.pi)) - stirling_error(alpha) - log_x
        each = each - jnp.where(bottom, jnp.log(alpha), 0)
        total = total[..., 0]
        log_prob = each.sum(-1) - 0.5 * jnp.log(total / (2 * jnp.pi)) + stirling_error(total)
        return jnp.where((value < 0).any(-1), -jnp.inf, log_prob)


def log_gamma_sample(key: PRNGKeyArray, concentration: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log g with g ~ Gamma(a, 1), differentiable in a: d log g/da = −(∂F/∂a)/(g p(g)).

    **Arguments:** `key`; `concentration`: a > 0, of the shape of the sample.

    JAX's own `jax.random.loggamma` has the same values; its gradient is wrong where g is below the
    smallest number (1e-38 in float32), which at a = 0.01 is every second sample.

    >>> import jax, jax.numpy as jnp
    >>> a = jnp.array(1e-3)
    >>> log_g, slope = jax.value_and_grad(lambda a: log_gamma_sample(jax.random.key(0), a))(a)
    >>> bool(jnp.isclose(slope, -log_g / a, rtol=1e-2))              # g ≈ u^(1/a), u uniform
    True
    """
    fixed = jax.lax.stop_gradient(concentration)
    return _implicit(jax.random.loggamma(key, fixed, dtype=fixed.dtype), concentration)


def beta_logit_sample(key: PRNGKeyArray, a: Array, b: Array, sample_shape: tuple[int, ...] = ()) -> Array:
    """log z − log(1 − z) with z ~ Beta(a, b), differentiable in a and b."""
    shape = sample_shape + jnp.broadcast_shapes(jnp.shape(a), jnp.shape(b))
    key_a, key_b = jax.random.split(key)
    log_g = log_gamma_sample(key_a, jnp.broadcast_to(a, shape))
    return log_g - log_gamma_sample(key_b, jnp.broadcast_to(b, shape))


@jax.custom_jvp
def _implicit(log_g: Array, concentration: Array) -> Array:
    """log g, whose derivative in the concentration is the implicit one."""
    return log_g


@_implicit.defjvp
def _implicit_jvp(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
    log_g, a = primals
    # Down there F(g; a) = gᵃ/Γ(a + 1) to 1e-17: log g is differentiated without ever being a number g.
    deep = log_g < -40
    g = jnp.exp(jnp.where(deep, 0.0, log_g))
    slope = jnp.where(deep, (digamma(a + 1) - log_g) / a, jax.lax.random_gamma_grad(a, g) / g)
    return log_g, slope * tangents[1]


def _floored_exp(log_z: Array) -> Array:
    """exp(log z), at least `SMALLEST` and of gradient 0 there."""
    return jnp.where(log_z > _LOG_SMALLEST, jnp.maximum(jnp.exp(log_z), SMALLEST), SMALLEST)


def _largest_below_1(like: Array) -> float:
    return 1 - float(np.finfo(like.dtype).epsneg)


def _log_ratio(difference: Array, base: Array, far: Array) -> Array:
    """log(x/m) of x − m and m where they are near; `far`, the difference of logarithms, elsewhere."""
    near = jnp.abs(difference / base) < 0.5
    return jnp.where(near, jnp.log1p(jnp.where(near, difference, 0.0) / base), far)


def gamma_divergence(q: Distribution, p: Distribution) -> Array:
    """KL(Gamma(a, r) ‖ Gamma(b, s)) in nats, written as a sum of small terms: for a = b = 1e4 the textbook's
    formula is a difference of terms of size 1e5."""
    a, b = q.concentration, p.concentration
    return b * exp_excess(jnp.log(a / b) + jnp.log(p.rate / q.rate)) + _shape_divergence(a, b)


def dirichlet_divergence(q: Distribution, p: Distribution) -> Array:
    """KL of two Dirichlet distributions, in nats, as a sum of small terms."""
    return _simplex_divergence(q.concentration, p.concentration)


def beta_divergence(q: Distribution, p: Distribution) -> Array:
    """KL of two Beta distributions, in nats: Dirichlet distributions of two coordinates."""
    both = (jnp.stack([d.concentration1, d.concentration0], axis=-1) for d in (q, p))
    return _simplex_divergence(*both)


def _simplex_divergence(a: Array, b: Array) -> Array:
    """Gamma variables of one rate are their sum times a Dirichlet vector, and the two are independent: the
    divergence of the vectors is that of all variables less that of their sums."""
    total_a, total_b = a.sum(-1), b.sum(-1)
    log_ratio = jnp.log((a / total_a[..., None]) / (b / total_b[..., None]))
    variables = b * exp_excess(log_ratio) + _shape_divergence(a, b)
    return variables.sum(-1) - _shape_divergence(total_a, total_b)


def _shape_divergence(a: Array, b: Array) -> Array:
    """KL(Gamma(a, r) ‖ Gamma(b, s)) where the means a/r and b/s are the same."""
    errors = stirling_error(b) - stirling_error(a) - (b - a) * digamma_error(a)
    return 0.5 * exp_excess(jnp.log(b / a)) + errors
