"""Correlated Gaussians whose log-density is a number however far out a value lies."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float

__all__ = ["FullNormal", "LowRankNormal"]

# Differences from the mean above the first are measured in units of their largest entry; those above the
# second, whose square is no number of float32, have density 0.
_FAR, _BEYOND = 1e6, 1e19


class FullNormal(dist.MultivariateNormal):
    """NumPyro's MultivariateNormal, far out of the centre too."""

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        def squared(L: Float[Array, "d d"], difference: Float[Array, " d"]) -> Float[Array, ""]:
            return (solve_triangular(L, difference, lower=True) ** 2).sum()

        log_det = 2 * jnp.log(jnp.diagonal(self.scale_tril, axis1=-2, axis2=-1)).sum(-1)
        distance = jnp.vectorize(squared, signature="(d,d),(d)->()")
        return _log_density(lambda u: distance(self.scale_tril, u), log_det, value - self.loc)


class LowRankNormal(dist.LowRankMultivariateNormal):
    """NumPyro's LowRankMultivariateNormal, far out of the centre too: with A = D^−½ W and e = D^−½ (x − μ)
    the squared distance is ∣e − At∣² + ∣t∣², t = (I + AᵀA)⁻¹ Aᵀe, a sum where Woodbury's identity has a
    difference."""

    def log_prob(self, value: Float[Array, "... d"]) -> Float[Array, ...]:
        def squared(
            A: Float[Array, "d r"], L: Float[Array, "r r"], e: Float[Array, " d"]
        ) -> Float[Array, ""]:
            t = cho_solve((L, True), A.T @ e)
            return ((e - A @ t) ** 2).sum() + (t**2).sum()

        sigma = jnp.sqrt(self.cov_diag)
        A = self.cov_factor / sigma[..., None]
        L = jnp.linalg.cholesky(jnp.eye(A.shape[-1], dtype=A.dtype) + jnp.swapaxes(A, -1, -2) @ A)
        log_det = 2 * (jnp.log(jnp.diagonal(L, axis1=-2, axis2=-1)).sum(-1) + jnp.log(sigma).sum(-1))
        distance = jnp.vectorize(squared, signature="(d,r),(r,r),(d)->()")
        return _log_density(lambda u: distance(A, L, u / sigma), log_det, value - self.loc)


def _log_density(
    squared: Callable[[Float[Array, "... d"]], Array],
    log_det: Float[Array, ...],
    difference: Float[Array, "... d"],
) -> Float[Array, ...]:
    """−½ [d log 2π + log det Σ + ∣x − μ∣²_Σ], the last by squared(x − μ); −∞ where float32 has no number."""
    largest = jax.lax.stop_gradient(jnp.abs(difference).max(-1))
    beyond = largest > _BEYOND
    unit = jnp.where((largest > _FAR) & ~beyond, largest, 1.0)
    near = jnp.where(beyond[..., None], 0.0, difference / unit[..., None])
    log_prob = -0.5 * (difference.shape[-1] * math.log(2 * math.pi) + log_det + squared(near) * unit**2)
    # Of parameters that ran away an intermediate number can overflow; a value that is NaN itself stays so.
    nowhere = beyond | (jnp.isnan(log_prob) & ~jnp.isnan(largest))
    return jnp.where(nowhere, -jnp.inf, log_prob)
