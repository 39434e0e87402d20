"""Coordinates u without bounds for z, and log p(x, z) as a density of u: where gradients can be followed."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint
from numpyro.distributions.transforms import (
    AffineTransform,
    CatTransform,
    ComposeTransform,
    IdentityTransform,
    Transform,
    biject_to,
)

from lowerbound.distributions.special import log_inverse_mills, log_ndtr
from lowerbound.distributions.support import Range, Stacked, range_of, words
from lowerbound.models.draws import Sampler

__all__ = ["Target", "bijection", "finite"]

# Draws that moments are taken from, and the least standard deviation.
_DRAWS, _LEAST = 64, 1e-6


class Target:
    """f(u) = log p(x, z(u)) + log ∣det ∂z/∂u∣ of one data point: p(z∣x) as a density of u, a vector of `size`
    numbers, up to log p(x).

    **Arguments:** `onto`: the map from u to z, where it is another than [`bijection`][] gives.
    """

    def __init__(self, sampler: Sampler, onto: Transform | None = None):
        self.sampler = sampler
        self._bijection = bijection(sampler.p.support) if onto is None else onto
        shape = sampler.p.event_shape
        # Of the support's own dimensions: on a simplex one less than z has.
        stacked = isinstance(sampler.p.support, Stacked)
        self._shape = shape if stacked else self._bijection.inverse_shape(shape)
        self.size = math.prod(self._shape)

    @property
    def unbounded(self) -> bool:
        """Whether z is its own coordinates."""
        return isinstance(self._bijection, IdentityTransform)

    def __call__(self, u: Float[Array, " size"]) -> Float[Array, ""]:
        z = self.z_of(u)
        return self.sampler.log_likelihood(z) + self.sampler.p.log_prob(z) + self.log_jacobian(u, z)

    def z_of(self, u: Float[Array, " size"]) -> Array:
        """z(u)."""
        return self._bijection(u.reshape(self._shape))

    def u_of(self, z: Array) -> Float[Array, " size"]:
        """u(z)."""
        return self._bijection.inv(jnp.asarray(z, float)).ravel()

    def moments(
        self, distribution: Distribution, key: PRNGKeyArray
    ) -> tuple[Float[Array, " size"], Float[Array, " size"]]:
        """Mean and standard deviations of u, of some draws of a distribution of z."""
        u = finite(jax.vmap(self.u_of)(jax.vmap(distribution.sample)(jax.random.split(key, _DRAWS))))
        return u.mean(0), jnp.maximum(u.std(0), _LEAST)

    def log_jacobian(self, u: Float[Array, " size"], z: Array) -> Float[Array, ""]:
        """log ∣det ∂z/∂u∣."""
        return jnp.sum(self._bijection.log_abs_det_jacobian(u.reshape(self._shape), z))


def finite(u: Array) -> Array:
    """0 for a coordinate that is not finite, as at the end of a bounded set."""
    return jnp.where(jnp.isfinite(u), u, 0.0)


class NormalToUnit(Transform):
    """Φ(u), onto (0, 1): what is uniform there is normal in u, and a density that ends at a bound has the
    tail of a normal one, not that of an exponential as in a logit."""

    domain, codomain = constraints.real, constraints.unit_interval

    def __call__(self, u: Array) -> Array:
        return jnp.clip(ndtr(u), _TINY, 1 - _EPSILON)

    def _inverse(self, z: Array) -> Array:
        return ndtri(jnp.clip(z, _TINY, 1 - _EPSILON))

    def log_abs_det_jacobian(self, u: Array, z: Array, intermediates: object = None) -> Array:
        return norm.logpdf(u)

    def tree_flatten(self) -> tuple[tuple[()], tuple[tuple[()], dict[str, object]]]:
        return (), ((), {})


class NormalToPositive(Transform):
    """−log Φ(−u), onto (0, ∞): what is exponential there is normal in u. Towards 0 it falls as Φ(u) does,
    towards ∞ it grows as u²/2."""

    domain, codomain = constraints.real, constraints.positive

    def __call__(self, u: Array) -> Array:
        return jnp.maximum(jnp.where(u < 0, -jnp.log1p(-ndtr(jnp.minimum(u, 0.0))), -log_ndtr(-u)), _TINY)

    def _inverse(self, z: Array) -> Array:
        z = jnp.maximum(z, _TINY)
        # −Φ⁻¹(e^−z): near 0 by 1 − e^−z, far out, where float32 has no number for e^−z, by Newton's steps
        # from the asymptotic form.
        far = jnp.sqrt(jnp.maximum(2 * z - jnp.log(4 * math.pi * jnp.maximum(z, 1.0)), 1.0))
        for _ in range(2):
            far = far - (-log_ndtr(-far) - z) / jnp.exp(self.log_abs_det_jacobian(far, z))
        near = jnp.minimum(z, 30.0)
        u = jnp.where(z < 0.5, ndtri(-jnp.expm1(-near)), -ndtri(jnp.exp(-near)))
        u = jnp.where(z > 30, far, u)
        return u

    def log_abs_det_jacobian(self, u: Array, z: Array, intermediates: object = None) -> Array:
        return log_inverse_mills(-u)

    def tree_flatten(self) -> tuple[tuple[()], tuple[tuple[()], dict[str, object]]]:
        return (), ((), {})


_TINY, _EPSILON = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).epsneg)


def bijection(support: Constraint) -> Transform:
    """The map from unbounded coordinates onto `support`.

    **Raises:** `TypeError` where there is none.

    >>> import lowerbound as lb
    >>> [round(float(z), 4) for z in bijection(lb.Gamma(2).support)(jnp.zeros(2))]         # log 2
    [0.6931, 0.6931]
    """
    if support.is_discrete:
        raise TypeError(
            "annealing, refined proposals and fitted codes follow gradients in z, and z is "
            f'{words(support)}; use method="importance", or no steps, for discrete codes, or a relaxed family'
        )
    span = range_of(support)
    if span is not None:
        return _onto(span)
    try:
        if isinstance(support, Stacked):
            parts = [(bijection(each), size) for each, size in support.blocks]
            if all(part.forward_shape((size,)) == (size,) for part, size in parts):
                return CatTransform([part for part, _ in parts], -1, [size for _, size in parts])
        else:
            return biject_to(support)
    except NotImplementedError:
        pass
    raise TypeError(
        "annealing, refined proposals and fitted codes move z in coordinates without bounds, and no "
        f'bijection from them is known for {words(support)}; use method="importance", or no steps'
    )


def _onto(span: Range) -> Transform:
    """Onto the numbers between two ends, dimension by dimension."""
    low, high = math.isfinite(span.low), math.isfinite(span.high)
    if low and high:
        unit = constraints.unit_interval
        return ComposeTransform(
            [NormalToUnit(), AffineTransform(span.low, span.high - span.low, domain=unit)]
        )
    if low or high:
        end, sign = (span.low, 1.0) if low else (span.high, -1.0)
        return ComposeTransform([NormalToPositive(), AffineTransform(end, sign, domain=constraints.positive)])
    return IdentityTransform()
