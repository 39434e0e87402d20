"""Gaussian families: diagonal, with a full covariance, and of low rank plus a diagonal."""

from __future__ import annotations

import math
from typing import Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray
from numpyro.distributions import constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.gaussian import FullNormal, LowRankNormal
from lowerbound.distributions.special import exp_within
from lowerbound.families.family import Family, positive_size
from lowerbound.families.fitted import Fitted, Found
from lowerbound.families.location_scale import LocationScale

__all__ = ["DiagonalGaussian", "FullGaussian", "LowRankGaussian"]


class DiagonalGaussian(LocationScale):
    """N(μ, diag(σ²)): log p(x) = −½ Σᵢ [((xᵢ − μᵢ)/σᵢ)² + log 2π + log σᵢ²].

    **Arguments:** `event_size`: number of dimensions; `scale`: where σ comes from, one of
    [`Heteroscedastic`][] (the network), [`LearnedScale`][], [`FixedScale`][]; `missing`: whether NaN
    stands for a value that was not observed.

    The conditioning vector holds μ, then what the scale takes.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.DiagonalGaussian(2)
    >>> family.size
    4
    >>> q = family(jnp.array([1.0, -1.0, 0.0, 0.0]))
    >>> round(float(q.log_prob(jnp.array([1.0, -1.0]))), 4)          # −log 2π
    -1.8379
    """

    @classmethod
    def title(cls) -> str:
        return "Gaussian"

    def at(self, location: Float[Array, " d"], scale: Float[Array, " d"]) -> dist.Distribution:
        return dist.Normal(location, scale)


class FullGaussian(Family):
    """N(μ, Σ) with Σ = LLᵀ and the lower triangular

        L = diag(σ) (I + B/√d),   zᵢ = μᵢ + σᵢ (εᵢ + Σ_{j<i} Bᵢⱼ εⱼ/√d),

    B strictly lower triangular, so that Σ is positive definite whatever a network puts out. Where the
    entries of B are of order 1, as a fresh network puts them out, a variance is at most about twice σᵢ² and
    L⁻¹ of order 1, for any d: L starts near the identity. (Without the √d entries of L⁻¹ grow
    exponentially in d, and with them gradients.)

    The conditioning vector holds μ, then log σ (kept within ±40), then B below its diagonal, row by row:
    `size` = 2d + d(d − 1)/2. [`FullGaussian.vector`][] is the way back, from μ and L.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.FullGaussian(2)
    >>> v = family.vector(jnp.zeros(2), jnp.array([[1.0, 0.0], [3.0, 1.0]]))
    >>> family(v).covariance_matrix.round(4).tolist()
    [[1.0, 3.0], [3.0, 10.0]]
    """

    event_size: int = eqx.field(static=True)

    def __init__(self, event_size: int):
        self.event_size = positive_size("FullGaussian", event_size)

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Behind a standardisation."""
        return found.standardized(found.family(cls))

    @property
    def size(self) -> int:
        d = self.event_size
        return 2 * d + d * (d - 1) // 2

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        d = self.event_size
        mean, log_sigma, below = jnp.split(parameters, [d, 2 * d])
        of_identity = jnp.eye(d, dtype=below.dtype).at[np.tril_indices(d, -1)].set(below / math.sqrt(d))
        return FullNormal(mean, scale_tril=exp_within(40.0, log_sigma)[:, None] * of_identity)

    def vector(self, mean: Float[ArrayLike, " d"], L: Float[ArrayLike, "d d"]) -> Float[Array, " size"]:
        """The vector of N(μ, LLᵀ), from μ and the Cholesky factor L, whose diagonal is positive."""
        mean, L = jnp.asarray(mean, float), jnp.asarray(L, float)
        sigma = jnp.diagonal(L)
        below = math.sqrt(self.event_size) * (L / sigma[:, None])[np.tril_indices(self.event_size, -1)]
        return jnp.concatenate([mean, jnp.log(sigma), below])


class LowRankGaussian(Family):
    """N(μ, WWᵀ + diag(σ²)), W of shape (d, rank): between the diagonal and the full covariance, for
    events too long for a full one.

    **Arguments:** `event_size`: d; `rank`: columns of W.

    The conditioning vector holds μ, then log σ² (kept within ±80), then W row by row: `size` =
    (2 + rank) d.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> q = lb.LowRankGaussian(2, 1)(jnp.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]))
    >>> q.covariance_matrix.tolist()
    [[2.0, 2.0], [2.0, 5.0]]
    """

    event_size: int = eqx.field(static=True)
    rank: int = eqx.field(static=True)

    def __init__(self, event_size: int, rank: int):
        self.event_size = positive_size("LowRankGaussian", event_size)
        self.rank = positive_size("LowRankGaussian.rank", rank)

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """Of rank 4, behind a standardisation."""
        return found.standardized(found.family(cls, min(4, found.columns)))

    @classmethod
    def latent(cls, dimensions: int, key: PRNGKeyArray) -> Self:
        """Of a quarter as many columns as dimensions."""
        return cls(dimensions, max(1, dimensions // 4))

    @property
    def size(self) -> int:
        return (2 + self.rank) * self.event_size

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    def __call__(self, parameters: Float[Array, " size"]) -> dist.Distribution:
        mean, log_variance, W = jnp.split(parameters, [self.event_size, 2 * self.event_size])
        W = W.reshape(self.event_size, self.rank)
        return LowRankNormal(mean, W, exp_within(80.0, log_variance))
