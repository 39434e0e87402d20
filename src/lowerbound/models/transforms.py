"""What happens to a row before the model sees it, with the log-Jacobian that a density owes for it.

y = T(x), and log p(x) = log p(y) + log |det ∂y/∂x|. A transform that draws (binarisation,
dequantisation) takes a key; it runs on the device, inside the compiled step.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.leaves import Fixed
from lowerbound.randomness.keys import as_key, content_key, random_words

__all__ = [
    "Binarization",
    "Dequantization",
    "DynamicBinarization",
    "Identity",
    "Standardization",
    "StaticBinarization",
    "Stored",
    "Threshold",
    "Transform",
]


class Transform(eqx.Module):
    """A map from a row as it is stored to the row that the model sees, both vectors of one length."""

    @abstractmethod
    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        """The row that the model sees."""

    @property
    def domain(self) -> Constraint:
        """The values that a row may hold before the transform."""
        return constraints.real

    @property
    def codomain(self) -> Constraint:
        """A set that the values of y lie in, whatever row of the domain was given."""
        return constraints.real

    def inverse(self, y: Float[Array, " d"]) -> Float[Array, " d"]:
        """Back to the units of the data, where the transform can be undone; else `y` as it is."""
        return y

    def log_jacobian(self, x: Array) -> Float[Array, ""]:
        """Σᵢ log |∂yᵢ/∂xᵢ| over the dimensions of a row that were observed, those that are not NaN: what
        turns a density of y into one of x, in nats."""
        return jnp.zeros(())

    @property
    def note(self) -> str:
        """What this does to the meaning of log p(x), in plain words; empty where it does nothing."""
        return ""


def _sum_over_observed(x: Array, each: ArrayLike) -> Float[Array, ""]:
    """Σᵢ of `each` over the dimensions of a row that are not NaN."""
    each = jnp.broadcast_to(jnp.asarray(each, float), x.shape)
    return (jnp.where(jnp.isnan(x), 0.0, each) if jnp.issubdtype(x.dtype, jnp.inexact) else each).sum()


class Identity(Transform):
    """The row as it is.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> lb.Identity()(jnp.array([3], dtype=jnp.uint8), jax.random.key(0)).tolist()
    [3.0]
    """

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        return jnp.asarray(x, float)


class Binarization(Transform):
    """A transform to 0 and 1. The binary row is then the data: log p(x) is its probability."""

    @property
    def codomain(self) -> Constraint:
        return constraints.boolean


class DynamicBinarization(Binarization):
    """A grey value is a probability: each time a row is seen its pixels are drawn anew, 1 with
    probability pixel/`white`.

    For 8-bit pixels (`white=255`) the draw compares 32 random bits with pixel·(2³² − 1)/255: P(1) is
    within 2⁻³² of pixel/255, and exactly 0 at 0 and 1 at 255. Eight bits, `bits < pixel`, would give
    pixel/256, so that a white pixel were black once in 256 draws. Other pixels are compared with a float.

    In inference a row's noise follows from its content, so that a row is binarised one way.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> pixels = jnp.array([0, 255], dtype=jnp.uint8)
    >>> lb.DynamicBinarization()(pixels, jax.random.key(0)).tolist()
    [0.0, 1.0]
    """

    white: float = eqx.field(static=True, default=255)

    @property
    def domain(self) -> Constraint:
        return constraints.interval(0, self.white)

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        if x.dtype == jnp.uint8 and self.white == 255:
            on = (random_words(key, x.shape) < x.astype(jnp.uint32) * jnp.uint32(2**32 // 255)) | (x == 255)
            # √0 = 0 and √1 = 1. A step reads these bits in five places, and XLA makes anew in each of them
            # what it takes for cheap, the random words as well; the result of a root it keeps.
            on = jnp.sqrt(on.astype(float))
        else:
            on = jax.random.uniform(key, x.shape) < jnp.asarray(x, float) / self.white
        return _where_observed(x, on)

    @property
    def note(self) -> str:
        return f"of rows binarised at random, P(1) = pixel/{self.white:g}"


class StaticBinarization(Binarization):
    """Each pixel is drawn once, 1 with probability pixel/`white`, and stays: the noise follows from the
    row's content.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> binarize, row = lb.StaticBinarization(), jnp.arange(0, 255, 5, dtype=jnp.uint8)
    >>> bool((binarize(row, jax.random.key(0)) == binarize(row, jax.random.key(1))).all())
    True
    """

    white: float = eqx.field(static=True, default=255)

    @property
    def domain(self) -> Constraint:
        return constraints.interval(0, self.white)

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        return DynamicBinarization(self.white)(x, content_key(as_key(0), x, "static binarization"))

    @property
    def note(self) -> str:
        return f"of rows binarised once, P(1) = pixel/{self.white:g}"


class Threshold(Binarization):
    """1 where the value is above `threshold`, else 0.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> lb.Threshold(127.5)(jnp.array([100, 200]), jax.random.key(0)).tolist()
    [0.0, 1.0]
    """

    threshold: float = eqx.field(static=True)

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        return _where_observed(x, x > self.threshold)

    @property
    def note(self) -> str:
        return f"of rows that are 1 where the value is above {self.threshold:g}"


def _where_observed(x: Array, on: Array) -> Float[Array, " d"]:
    """0 and 1; NaN, a missing value, stays what it is."""
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.asarray(on, float)
    return jnp.where(jnp.isnan(x), jnp.nan, jnp.asarray(on, float))


class Standardization(Transform):
    """y = (x − mean)/scale, column by column; log |det ∂y/∂x| = −Σ log scale.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> T = lb.Standardization(mean=jnp.array([1.0]), scale=jnp.array([2.0]))
    >>> T(jnp.array([5.0]), jax.random.key(0)).tolist(), round(float(T.log_jacobian(jnp.array([5.0]))), 4)
    ([2.0], -0.6931)
    """

    mean: Fixed
    scale: Fixed

    def __init__(self, *, mean: Array, scale: Array):
        if not bool(np.all(np.asarray(scale) > 0)):
            raise ValueError("Standardization.scale: expected positive scales")
        self.mean, self.scale = Fixed(jnp.asarray(mean, float)), Fixed(jnp.asarray(scale, float))

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        return (jnp.asarray(x, float) - self.mean.value) / self.scale.value

    def inverse(self, y: Float[Array, " d"]) -> Float[Array, " d"]:
        return y * self.scale.value + self.mean.value

    def log_jacobian(self, x: Array) -> Float[Array, ""]:
        return -_sum_over_observed(x, jnp.log(self.scale.value))

    @property
    def note(self) -> str:
        return "in the data's own units, through the log-Jacobian of standardisation"


class Stored(Transform):
    """A transform of rows that are kept in units of their own, x = (table − offset)/unit: what `transform`
    does, with a density in the table's units, so that log |det ∂y/∂table| is less by Σ log unit.

    >>> import jax.numpy as jnp, numpy as np, lowerbound as lb
    >>> T = lb.Stored(lb.Identity(), np.log([60.0, 1.0]))
    >>> round(float(T.log_jacobian(jnp.zeros(2))), 4)                # −log 60
    -4.0943
    """

    transform: Transform
    log_units: Fixed

    def __init__(self, transform: Transform, log_units: ArrayLike):
        self.transform, self.log_units = transform, Fixed(jnp.asarray(log_units, float))

    @property
    def domain(self) -> Constraint:
        return self.transform.domain

    @property
    def codomain(self) -> Constraint:
        return self.transform.codomain

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        return self.transform(x, key)

    def inverse(self, y: Float[Array, " d"]) -> Float[Array, " d"]:
        return self.transform.inverse(y)

    def log_jacobian(self, x: Array) -> Float[Array, ""]:
        return self.transform.log_jacobian(x) - _sum_over_observed(x, self.log_units.value)

    @property
    def note(self) -> str:
        return self.transform.note or "in the data's own units"


class Dequantization(Transform):
    """y = (x + u)/levels, u uniform on [0, 1): whole numbers 0 … levels − 1 made real, so that a density
    may be fitted. E_u[log p(y)] − d log levels is a lower bound on log P(x) in the counting measure
    (Theis, van den Oord & Bethge 2016, eq. 1).

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> y = lb.Dequantization(256)(jnp.array([0, 255], dtype=jnp.uint8), jax.random.key(0))
    >>> bool((y >= 0).all() & (y < 1).all())
    True
    """

    levels: int = eqx.field(static=True, default=256)

    @property
    def domain(self) -> Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    @property
    def codomain(self) -> Constraint:
        return constraints.unit_interval

    def __call__(self, x: Array, key: PRNGKeyArray) -> Float[Array, " d"]:
        return (jnp.asarray(x, float) + jax.random.uniform(key, x.shape)) / self.levels

    def inverse(self, y: Float[Array, " d"]) -> Float[Array, " d"]:
        return jnp.clip(jnp.floor(y * self.levels), 0, self.levels - 1)

    def log_jacobian(self, x: Array) -> Float[Array, ""]:
        return -_sum_over_observed(x, math.log(self.levels))

    @property
    def note(self) -> str:
        return "a lower bound in the counting measure, through uniform dequantisation"
