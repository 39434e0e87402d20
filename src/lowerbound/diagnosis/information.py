"""What the rate is made of: what a code tells of its row, and how far all codes are from the prior."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution

from lowerbound.data.chunks import in_chunks
from lowerbound.diagnosis.diagnosis import Notes, PerRow
from lowerbound.diagnosis.looked import Looked
from lowerbound.distributions.support import range_of
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel

__all__ = ["Information", "information_of"]


class Information(NamedTuple):
    """Bounds on the rate's two parts: low + marginal_high = high + marginal_low = rate."""

    low: PerRow | None = None
    high: PerRow | None = None
    marginal_low: PerRow | None = None
    marginal_high: PerRow | None = None


def information_of(
    model: LatentModel, looked: Looked, given: np.ndarray | None, first: Sampler, notes: Notes
) -> Information:
    """Of the rows that were `looked` at, under `given`; nothing where the prior depends on it."""
    if model.prior_takes_given:
        notes.append(
            "mutual information and KL(q(z) ‖ p(z)): not defined, the prior depends on the condition"
        )
        return Information()
    pool = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), (looked.y, given))
    rows = looked.z.astype(np.float32), np.arange(len(looked.z))
    log_q, log_q_others = in_chunks(_aggregated, (model, *pool), rows, chunk=16)
    marginal_high = (log_q - looked.log_prior).mean(1)
    below = [(log_q_others - looked.log_prior).mean(1)]
    gaussian = _log_gaussian(looked.z, first.q)
    if gaussian is not None:
        below.append((gaussian - looked.log_prior).mean(1))
    marginal_low = max(below, key=np.mean)
    return Information(looked.rate - marginal_high, looked.rate - marginal_low, marginal_low, marginal_high)


def _aggregated(constants: tuple[LatentModel, Array, Any], row: tuple[Array, Array]) -> tuple[Array, Array]:
    """log q(z) at a row's draws of z, q(z) the mean of q(z∣x) over all M rows, and over all others."""
    (model, pool, given), (z, i) = constants, row
    log_q = jax.vmap(lambda y, given: jax.vmap(model.q_z(y, given).log_prob)(z))(pool, given)
    M = len(pool)
    others = jnp.where(jnp.arange(M)[:, None] == i, -jnp.inf, log_q)
    return (
        jax.nn.logsumexp(log_q, axis=0) - math.log(M),
        jax.nn.logsumexp(others, axis=0) - math.log(M - 1),
    )


def _log_gaussian(z: Float[np.ndarray, "n S d"], q: Distribution) -> Float[np.ndarray, "n S"] | None:
    """log r(z), r the Gaussian with the moments of the draws of the half of the rows that z is not of. `None`
    where z has no density over ℝᵈ, and where there are too few rows for a covariance."""
    n, _, d = z.shape
    span = range_of(q.support)
    if span is None or span.whole or n < 8 * d or not np.isfinite(z).all():
        return None
    log_r = np.empty(z.shape[:2])
    for half in (np.arange(n) % 2 == 0, np.arange(n) % 2 == 1):
        fitted = z[~half].reshape(-1, d)
        L = np.linalg.cholesky(np.cov(fitted.T).reshape(d, d) + 1e-9 * fitted.var() * np.eye(d))
        scaled = np.linalg.solve(L, (z[half] - fitted.mean(0)).reshape(-1, d).T)
        log_density = -0.5 * ((scaled**2).sum(0) + d * math.log(2 * math.pi)) - np.log(np.diag(L)).sum()
        log_r[half] = log_density.reshape(log_r[half].shape)
    return log_r
