"""Special functions in forms that keep their digits in float32."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array

__all__ = ["digamma_error", "exp_excess", "stirling_error"]


def exp_excess(x: Array) -> Array:
    """eˣ − 1 − x, without the loss of digits near 0."""
    small = jnp.abs(x) < 0.5
    near, far = jnp.where(small, x, 0.0), jnp.where(small, 1.0, x)
    factors = [1 / math.factorial(k) for k in range(15, 1, -1)]
    return jnp.where(small, near**2 * jnp.polyval(jnp.asarray(factors, x.dtype), near), jnp.expm1(far) - far)


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
