"""Counts, accurate in float32 where terms of the textbook's formulas cancel."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax import random
from jaxtyping import Array, PRNGKeyArray
from numpyro.distributions import Distribution, constraints

from lowerbound.distributions.special import digamma_error, exp_excess, stirling_error
from lowerbound.randomness.keys import as_key

__all__ = [
    "BetaBinomialDistribution",
    "NegativeBinomialDistribution",
    "PoissonDistribution",
    "ZeroInflatedDistribution",
]


# Up to this many trials the product form is the cheaper one.
_PRODUCT_TRIALS = 64


class BetaBinomialDistribution(dist.BetaBinomial):
    """NumPyro's BetaBinomial with a log-probability that stays accurate, and differentiable, in float32 for
    all a, b in [1e-6, 1e6]; its own is a difference of log-gammas of up to 1e7."""

    trials: int
    pytree_aux_fields = ("trials",)

    def __init__(self, a: Array, b: Array, trials: int):
        self.trials = trials
        super().__init__(a, b, total_count=trials)

    def log_prob(self, value: Array) -> Array:
        form = _product_form if self.trials <= _PRODUCT_TRIALS else _saddle_point_form
        x = jnp.asarray(value, jnp.result_type(self.concentration1))
        return form(self.concentration1, self.concentration0, x, self.trials)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _product_form(a: Array, b: Array, x: Array, n: int) -> Array:
    """log P(x) with P(x) as n factors, since its gamma functions are rising factorials:

        P(x) = Π_{k<n} rₖ,   rₖ = [(a + k)(n − k)/(k + 1) if k < x else b + n − 1 − k] / (a + b + k).

    A logarithm for every four factors, which stay inside float32's range, against nine log-gammas and as
    many digammas in the gradient, which is here Σₖ ∂ log rₖ.
    """
    a, b, x = jnp.broadcast_arrays(a, b, x)
    k = _factors(n + -n % 4, a)
    ratio = jnp.where(k < x, (a + k) * ((n - k) / (k + 1)), b + (n - 1 - k)) / (a + b + k)
    in_fours = jnp.where(k < n, ratio, 1.0).reshape(-1, 4, *a.shape)
    return jnp.log(in_fours.prod(1)).sum(0)


@_product_form.defjvp
def _product_form_jvp(
    n: int, primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    a, b, x = jnp.broadcast_arrays(*primals)
    k = _factors(n, a)
    of_both = (1 / (a + b + k)).sum(0)
    of_a = jnp.where(k < x, 1 / (a + k), 0.0).sum(0) - of_both
    of_b = jnp.where(k < x, 0.0, 1 / (b + (n - 1 - k))).sum(0) - of_both
    return _product_form(a, b, x, n), of_a * tangents[0] + of_b * tangents[1]


def _factors(n: int, like: Array) -> Array:
    """0, …, n − 1 along a first axis, before those of `like`."""
    return jnp.arange(n, dtype=like.dtype).reshape(n, *[1] * like.ndim)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _saddle_point_form(a: Array, b: Array, x: Array, n: int) -> Array:
    """log P(x) of n > 0 trials with all gamma functions by Stirling's formula (as Loader 2000 has it for the
    binomial), so that no terms of size n log n are left to cancel. With y = n − x, α = a + x, β = b + y,
    S = a + b, N = S + n and μ = α/N, of which the mean a/S and the rate x/n are on either side, it is

        −D(x, nμ) − D(y, n(1 − μ)) − D(a, Sμ) − D(b, S(1 − μ)) + ½ log [(a/α)(b/β)(N/S) n/(2πxy)]
            + δ(n) − δ(x) − δ(y) + δ(α) + δ(β) − δ(N) − δ(a) − δ(b) + δ(S),

    D(k, m) = k log(k/m) + m − k ≥ 0 and δ Stirling's error; what is of x or y alone is left out where it is
    0. All four m − k are ±(bx − ay)/N.
    """
    y, alpha, beta, S = n - x, a + x, b + (n - x), a + b
    N = S + n
    apart = _difference_of_products(b, x, a, y) / N
    deviance = (
        _deviance(x, n * (alpha / N), -apart)
        + _deviance(y, n * (beta / N), apart)
        + _deviance(a, S * (alpha / N), apart)
        + _deviance(b, S * (beta / N), -apart)
    )
    some_x, some_y = (jnp.where(k > 0, k, 1 / (2 * math.pi)) for k in (x, y))
    ratio = (a / alpha) * (b / beta) * (N / S) * (n / (2 * math.pi) / some_x / some_y)
    error_n = stirling_error(jnp.asarray(n, a.dtype))
    error_x, error_y = (jnp.where(k > 0, stirling_error(jnp.where(k > 0, k, 1.0)), 0.0) for k in (x, y))
    errors = stirling_error(alpha) - stirling_error(a) + stirling_error(beta) - stirling_error(b)
    errors = errors + stirling_error(S) - stirling_error(N) + error_n - error_x - error_y
    return 0.5 * jnp.log(ratio) + errors - deviance


@_saddle_point_form.defjvp
def _saddle_point_form_jvp(
    n: int, primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    """∂/∂a = ψ(α) − ψ(a) − ψ(N) + ψ(S), whose logarithms are that of 1 + (bx − ay)/(aN); b likewise."""
    a, b, x = jnp.broadcast_arrays(*primals)
    y, S = n - x, a + b
    N = S + n
    apart = _difference_of_products(b, x, a, y) / N
    of_both = digamma_error(N) - digamma_error(S) + n / (2 * S * N)

    def slope(c: Array, k: Array, apart: Array) -> Array:
        total = c + k
        log_ratio = _log_ratio_of(apart, c, total * (S / N))
        return log_ratio + k / (2 * c * total) + digamma_error(total) - digamma_error(c) - of_both

    of_a, of_b = slope(a, x, apart), slope(b, y, -apart)
    return _saddle_point_form(a, b, x, n), of_a * tangents[0] + of_b * tangents[1]


def _deviance(k: Array, m: Array, difference: Array) -> Array:
    """k log(k/m) + m − k, from m − k too: near each other it is the smaller by their ratio."""
    some = jnp.where(k > 0, k, 1.0)
    near = jnp.abs(difference) < 0.5 * k
    ratio = jnp.where(near, difference, 0.0) / some
    far = difference - some * jnp.log(jnp.where(near, some, m) / some)
    return jnp.where(k > 0, jnp.where(near, some * exp_excess(jnp.log1p(ratio)), far), m)


def _log_ratio_of(difference: Array, k: Array, m: Array) -> Array:
    """log(m/k), from m − k where they are near each other."""
    near = jnp.abs(difference) < 0.5 * k
    return jnp.where(near, jnp.log1p(jnp.where(near, difference, 0.0) / k), jnp.log(m / k))


def _difference_of_products(a: Array, x: Array, b: Array, y: Array) -> Array:
    """ax − by, x and y whole numbers up to 2¹⁶: of the high and the low halves of a's and b's digits, whose
    products are exact, so that nothing is lost where the two are near each other."""
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    x_high, y_high = (256 * jnp.floor(k / 256) for k in (x, y))
    x_low, y_low = x - x_high, y - y_high
    high = a_high * x_high - b_high * y_high
    middle = (a_high * x_low - b_high * y_low) + (a_low * x_high - b_low * y_high)
    return high + (middle + (a_low * x_low - b_low * y_low))


def _halves(a: Array) -> tuple[Array, Array]:
    """The number of a's first 12 digits, and the rest; of float64 none need be split off."""
    if a.dtype != jnp.float32:
        return a, jnp.zeros_like(a)
    bits = jax.lax.bitcast_convert_type(a, jnp.uint32) & jnp.uint32(0xFFFFF000)
    high = jax.lax.bitcast_convert_type(bits, jnp.float32)
    return high, a - high


# Of a negative binomial's sample; rates above e²¹ would give counts that no 32-bit whole number holds.
_LOG_RATE = 21.0


def _poisson(key: PRNGKeyArray, rate: Array) -> Array:
    """Of each rate a count. JAX's sampler takes JAX's own threefry keys alone, not the library's, of the same
    words."""
    words = random.key_data(as_key(key))
    return random.poisson(random.wrap_key_data(words, impl="threefry2x32"), rate)


class PoissonDistribution(Distribution):
    """By the logarithm of its mean."""

    arg_constraints = {"log_rate": constraints.real}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, log_rate: Array):
        self.log_rate = log_rate
        super().__init__(jnp.shape(log_rate))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        return _poisson(key, jnp.broadcast_to(jnp.exp(self.log_rate), sample_shape + self.batch_shape))

    def log_prob(self, value: Array) -> Array:
        """−x (eᵗ − 1 − t) − ½ log 2πx − δ(x) with t = log λ/x and Stirling's error δ."""
        x = jnp.asarray(value, jnp.result_type(self.log_rate))
        some = jnp.where(x > 0, x, 1.0)
        deviance = some * exp_excess(self.log_rate - jnp.log(some))
        log_prob = -deviance - 0.5 * jnp.log(2 * jnp.pi * some) - stirling_error(some)
        return jnp.where(x > 0, log_prob, -jnp.exp(self.log_rate))

    @property
    def mean(self) -> Array:
        return jnp.exp(self.log_rate)

    @property
    def variance(self) -> Array:
        return jnp.exp(self.log_rate)


class NegativeBinomialDistribution(Distribution):
    """By its mean m and concentration r, both as logarithms."""

    arg_constraints = {"log_mean": constraints.real, "log_concentration": constraints.real}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, log_mean: Array, log_concentration: Array):
        self.log_mean, self.log_concentration = log_mean, log_concentration
        super().__init__(jnp.broadcast_shapes(jnp.shape(log_mean), jnp.shape(log_concentration)))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        key_rate, key_count = random.split(key)
        log_g = random.loggamma(key_rate, jnp.exp(self.log_concentration), sample_shape + self.batch_shape)
        log_rate = log_g + self.log_mean - self.log_concentration
        return _poisson(key_count, jnp.exp(jnp.minimum(log_rate, _LOG_RATE)))

    def log_prob(self, value: Array) -> Array:
        """For x > 0 a binomial of n = x + r trials, times r/n, in its saddle-point form (Loader 2000):

            ½ log [r/(2πnx)] + δ(n) − δ(r) − δ(x) − r (eˢ − 1 − s) − x (eᵗ − 1 − t),

        s = log (x + r)/(m + r), t = s + log m/x, in which the terms of size x log x cancelled on paper.
        """
        # Beyond, x/r is no number of float32.
        x = jnp.minimum(jnp.asarray(value, jnp.result_type(self.log_mean)), 1e30)
        r = jnp.exp(self.log_concentration)
        log_none = -r * jax.nn.softplus(self.log_mean - self.log_concentration)  # log P(0)
        some = jnp.where(x > 0, x, 1.0)
        n = some + r
        s = jnp.log1p(some / r) - jax.nn.softplus(self.log_mean - self.log_concentration)
        t = s + self.log_mean - jnp.log(some)
        deviance = r * exp_excess(s) + some * exp_excess(t)
        errors = stirling_error(n) - stirling_error(r) - stirling_error(some)
        log_scale = 0.5 * (self.log_concentration - jnp.log(2 * jnp.pi * some) - jnp.log(n))
        return jnp.where(x > 0, log_scale + errors - deviance, log_none)

    @property
    def mean(self) -> Array:
        return jnp.exp(self.log_mean)

    @property
    def variance(self) -> Array:
        return self.mean + jnp.exp(2 * self.log_mean - self.log_concentration)


class ZeroInflatedDistribution(Distribution):
    """`logit` is that of the probability π of a zero beyond those of `base`."""

    arg_constraints = {"logit": constraints.real}  # noqa: RUF012
    support = constraints.nonnegative_integer
    pytree_data_fields = ("base",)

    def __init__(self, logit: Array, base: NegativeBinomialDistribution):
        self.logit, self.base = logit, base
        super().__init__(jnp.shape(logit))

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Array:
        key_zero, key_count = random.split(key)
        zero = random.bernoulli(key_zero, jax.nn.sigmoid(self.logit), sample_shape + self.batch_shape)
        return jnp.where(zero, 0, self.base.sample(key_count, sample_shape))

    def log_prob(self, value: Array) -> Array:
        counted = jax.nn.log_sigmoid(-self.logit) + self.base.log_prob(value)
        return jnp.where(
            jnp.asarray(value) == 0, jnp.logaddexp(jax.nn.log_sigmoid(self.logit), counted), counted
        )

    @property
    def mean(self) -> Array:
        return jax.nn.sigmoid(-self.logit) * self.base.mean

    @property
    def variance(self) -> Array:
        """(1 − π) [v + π m²], m and v those of the counts."""
        zero, rest = jax.nn.sigmoid(self.logit), jax.nn.sigmoid(-self.logit)
        return rest * (self.base.variance + zero * self.base.mean**2)
