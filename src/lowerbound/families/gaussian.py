"""Gaussian families: diagonal, with the scale as a part of its own, and with a full covariance."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.families.family import Family, positive_size
from lowerbound.leaves import Fixed

__all__ = ["DiagonalGaussian", "FixedScale", "FullGaussian", "Heteroscedastic", "LearnedScale"]


class Scale(eqx.Module):
    """Where the scale σ of a location-scale family comes from."""

    @abstractmethod
    def size(self, event_size: int) -> int:
        """How many numbers of the conditioning vector the scale takes."""

    @abstractmethod
    def __call__(self, parameters: Float[Array, " size"]) -> Array:
        """σ, of a shape that broadcasts to `(event_size,)`."""


class Heteroscedastic(Scale):
    """The scale is a function of the condition: the network puts out log σ², as in the AEVB paper
    (Kingma & Welling 2014, appendix C.2).

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Heteroscedastic()(jnp.zeros(2)).tolist()
    [1.0, 1.0]
    """

    def size(self, event_size: int) -> int:
        return event_size

    def __call__(self, parameters: Float[Array, " size"]) -> Array:
        return jnp.exp(0.5 * parameters)


class LearnedScale(Scale):
    """The scale is learned and does not depend on the condition: one for all dimensions, or, with
    `event_size`, one a dimension. It is at least 1e-3, so that a column without variance cannot buy
    density without end.

    **Arguments:** `event_size`: number of dimensions, or `None` for a shared scale; `initial`: σ at the
    start (a number, or one a dimension).

    >>> import lowerbound as lb
    >>> lb.DiagonalGaussian(3, scale=lb.LearnedScale()).size          # the mean alone
    3
    >>> lb.LearnedScale(3).log_variance.shape
    (3,)
    """

    log_variance: Array

    def __init__(self, event_size: int | None = None, *, initial: float | Array = 1.0):
        if not bool(np.all(np.asarray(initial) > 0)):
            raise ValueError(f"LearnedScale.initial: expected a positive scale, found {initial}")
        shape = () if event_size is None else (positive_size("LearnedScale", event_size),)
        self.log_variance = jnp.broadcast_to(2 * jnp.log(jnp.asarray(initial, float)), shape)

    def size(self, event_size: int) -> int:
        return 0

    def __call__(self, parameters: Float[Array, " 0"]) -> Array:
        return jnp.maximum(jnp.exp(0.5 * self.log_variance), 1e-3)


class FixedScale(Scale):
    """The scale is given and not trained. With σ² = β/2 the Gaussian's negative bound is squared error
    plus β·KL, over β and up to a constant.

    >>> import lowerbound as lb
    >>> lb.DiagonalGaussian(3, scale=lb.FixedScale(0.5)).size
    3
    """

    scale: Fixed

    def __init__(self, scale: float | Array):
        if not bool(np.all(np.asarray(scale) > 0)):
            raise ValueError(f"FixedScale: expected a positive scale, found {scale}")
        self.scale = Fixed(jnp.asarray(scale, float))

    def size(self, event_size: int) -> int:
        return 0

    def __call__(self, parameters: Float[Array, " 0"]) -> Array:
        return jnp.asarray(self.scale.value)


class DiagonalGaussian(Family):
    """N(μ, diag(σ²)): log p(x) = −½ Σᵢ [((xᵢ − μᵢ)/σᵢ)² + log 2π + log σᵢ²].

    **Arguments:** `event_size`: number of dimensions; `scale`: where σ comes from, one of
    [`Heteroscedastic`][] (the network), [`LearnedScale`][], [`FixedScale`][].

    The conditioning vector holds μ, then what the scale takes.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.DiagonalGaussian(2)
    >>> family.size
    4
    >>> q = family(jnp.array([1.0, -1.0, 0.0, 0.0]))
    >>> round(float(q.log_prob(jnp.array([1.0, -1.0]))), 4)          # −log 2π
    -1.8379
    """

    event_size: int = eqx.field(static=True)
    scale: Scale

    def __init__(self, event_size: int, *, scale: Scale | None = None):
        self.event_size = positive_size("DiagonalGaussian", event_size)
        self.scale = Heteroscedastic() if scale is None else scale

    @property
    def size(self) -> int:
        return self.event_size + self.scale.size(self.event_size)

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        mean, rest = parameters[: self.event_size], parameters[self.event_size :]
        return dist.Normal(mean, jnp.broadcast_to(self.scale(rest), mean.shape)).to_event(1)


class FullGaussian(Family):
    """N(μ, Σ) with Σ = LLᵀ; L is lower triangular, its diagonal the exponential of what is put out, so
    that Σ is positive definite whatever a network puts out.

    The conditioning vector holds μ, then log Lᵢᵢ, then the entries below the diagonal, row by row:
    `size` = 2d + d(d − 1)/2.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> q = lb.FullGaussian(2)(jnp.array([0.0, 0.0, 0.0, 0.0, 3.0]))
    >>> q.covariance_matrix.tolist()
    [[1.0, 3.0], [3.0, 10.0]]
    """

    event_size: int = eqx.field(static=True)

    def __init__(self, event_size: int):
        self.event_size = positive_size("FullGaussian", event_size)

    @property
    def size(self) -> int:
        d = self.event_size
        return 2 * d + d * (d - 1) // 2

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        d = self.event_size
        mean, log_diagonal, below = jnp.split(parameters, [d, 2 * d])
        L = jnp.diag(jnp.exp(log_diagonal)).at[np.tril_indices(d, -1)].set(below)
        return dist.MultivariateNormal(mean, scale_tril=L)
