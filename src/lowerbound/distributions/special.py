"""Special functions in forms that keep their digits in float32."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array, Float

__all__ = [
    "bernoulli_log_prob",
    "digamma_error",
    "exp_bounded",
    "exp_excess",
    "exp_within",
    "log1p_square",
    "log_inverse_mills",
    "log_ndtr",
    "stirling_error",
    "within",
]


def exp_excess(x: Array) -> Array:
    """eˣ − 1 − x, without the loss of digits near 0."""
    small = jnp.abs(x) < 0.5
    near, far = jnp.where(small, x, 0.0), jnp.where(small, 1.0, x)
    factors = [1 / math.factorial(k) for k in range(15, 1, -1)]
    return jnp.where(small, near**2 * jnp.polyval(jnp.asarray(factors, x.dtype), near), jnp.expm1(far) - far)


@jax.custom_jvp
def log_ndtr(x: Array) -> Array:
    """log Φ(x), of the standard normal distribution function. JAX's own takes the derivative φ(x)/Φ(x) as
    exp(log φ(x) − log Φ(x)), of two numbers near −½x²: below −10⁴ nothing is left of their difference, and it
    is 1, say, where this is 30,000.

    >>> import jax
    >>> round(float(jax.grad(log_ndtr)(-30_000.0)))
    30000
    """
    return jnp.asarray(jax.scipy.special.log_ndtr(x))


@log_ndtr.defjvp
def _log_ndtr_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return log_ndtr(x), jnp.exp(log_inverse_mills(x)) * dx


def log_inverse_mills(x: Array) -> Array:
    """log φ(x)/Φ(x), the logarithm of the derivative of log Φ; below −10 by the continued fraction
    φ(−u)/Φ(−u) = u + 1/(u + 2/(u + 3/(u + …))) (Abramowitz & Stegun 26.2.14).

    >>> import jax.numpy as jnp
    >>> round(float(jnp.exp(log_inverse_mills(jnp.array(-1e6)))))
    1000000
    """
    far = x < -10
    u, near = jnp.where(far, -x, 10.0), jnp.where(far, 0.0, x)
    ratio = u
    for k in range(12, 0, -1):
        ratio = u + k / ratio
    return jnp.where(far, jnp.log(ratio), -0.5 * near**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(near))


def stirling_error(x: Array) -> Array:
    """log Γ(x) − [(x − ½) log x − x + ½ log 2π]: what Stirling's formula leaves out (Loader 2000), for x > 0.

    >>> import jax.numpy as jnp
    >>> round(float(stirling_error(jnp.array(1.0))), 4)              # 1 − ½ log 2π
    0.0811
    """
    large = jnp.where(x > 10, x, 10.0)
    r = 1 / large**2
    series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / large
    small = jnp.where(x > 10, 1.0, x)
    rest = gammaln(small) - (small - 0.5) * jnp.log(small) + small - 0.5 * math.log(2 * math.pi)
    return jnp.where(x > 10, series, rest)


def digamma_error(x: Array) -> Array:
    """ψ(x) − log x + 1/(2x), the derivative of [`stirling_error`][], for x > 0.

    >>> import jax.numpy as jnp
    >>> round(float(digamma_error(jnp.array(1.0))), 4)               # ½ − γ
    -0.0772
    """
    large = jnp.where(x > 10, x, 10.0)
    r = 1 / large**2
    series = -r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))
    small = jnp.where(x > 10, 1.0, x)
    return jnp.where(x > 10, series, digamma(small) - jnp.log(small) + 0.5 / small)


@jax.custom_jvp
def bernoulli_log_prob(logits: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
    """Σᵢ [xᵢ lᵢ − log(1 + exp lᵢ)], the log-probability of d bits with logits l.

    log(1 + exp l) = max(l, 0) + log(1 + exp −|l|), and the factors 1 + exp −|l| are at most 2: up to 64 of
    them are multiplied before a logarithm is taken, since a logarithm costs several times as much as an
    exponential and a product together. The rounding of 1 + exp −|l| leaves an error of up to 6e-8 nats a bit.

    >>> import jax.numpy as jnp
    >>> round(float(bernoulli_log_prob(jnp.zeros(3), jnp.ones(3))), 4)       # 3 log ½
    -2.0794
    """
    d = logits.shape[-1]
    group = next((g for g in range(64, 15, -1) if d % g == 0), 64)
    factors = 1 + jnp.exp(-jnp.abs(logits))
    if d % group:
        factors = jnp.pad(factors, (0, -d % group), constant_values=1.0)
    logs = jnp.log(factors.reshape(-1, group).prod(-1)).sum()
    return (x * logits - jnp.maximum(logits, 0.0)).sum() - logs


@bernoulli_log_prob.defjvp
def _bernoulli_log_prob_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    (logits, x), (logits_dot, x_dot) = primals, tangents
    slope = ((x - jax.nn.sigmoid(logits)) * logits_dot + logits * x_dot).sum()
    return bernoulli_log_prob(logits, x), slope


def exp_within(bound: float, logarithm: Array) -> Array:
    """The exponential of a logarithm that is kept within ±`bound`; beyond, its gradient is 0, also where
    what flows back is infinite (which `jnp.clip` multiplies by 0)."""
    return jnp.exp(within(bound, logarithm))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def exp_bounded(bound: float, logarithm: Array) -> Array:
    """The exponential of a logarithm that is kept within ±`bound`, whose derivative is the value itself,
    beyond the bound too: a derivative of 0 there costs a step of a small network 5 %.

    >>> float(exp_bounded(2.0, jnp.array(1.0))), float(exp_bounded(2.0, jnp.array(5.0)))
    (2.7182..., 7.3890...)
    """
    return exp_within(bound, logarithm)


@exp_bounded.defjvp
def _exp_bounded_jvp(bound: float, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    value = exp_bounded(bound, *primals)
    return value, value * tangents[0]


def within(bound: float, x: Array) -> Array:
    """x kept within ±`bound`, with a gradient of 0 beyond, whatever flows back."""
    return jax.lax.clamp(jnp.asarray(-bound, x.dtype), x, jnp.asarray(bound, x.dtype))


def log1p_square(difference: Array, scale: Array, degrees: float = 1.0) -> Array:
    """log(1 + (difference/scale)²/degrees), also where the square is beyond float32.

    >>> import jax.numpy as jnp
    >>> round(float(log1p_square(jnp.array(1e30), jnp.array(1.0))), 3)       # 60 log 10
    138.155
    """
    far = jnp.abs(difference / scale) > 1e15
    near = jnp.where(far, 0.0, difference) / scale
    log_ratio = jnp.log(jnp.where(far, jnp.abs(difference), 1.0)) - jnp.log(scale)
    return jnp.where(far, 2 * log_ratio - math.log(degrees), jnp.log1p(near**2 / degrees))
