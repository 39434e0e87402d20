"""p(z∣x) of a row, as the Gaussian that is fitted to it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.chunks import in_chunks
from lowerbound.data.rows import Rows, checked
from lowerbound.evidence.coordinates import Target
from lowerbound.evidence.refined import Refined, fitted
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["Posterior", "refined_posterior"]

# Pairs of draws of which moments are taken, for latents on a bounded set.
_PAIRS = 256


class Posterior(NamedTuple):
    """Mean and covariance of z∣x, of n rows."""

    mean: Float[np.ndarray, "n d"]
    covariance: Float[np.ndarray, "n d d"]


def refined_posterior(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    given: ArrayLike | None = None,
    key: PRNGKeyArray | int = 0,
) -> Posterior:
    """Mean and covariance of p(z∣x), a row each, by the Gaussian of the highest bound for the row: what the
    encoder's family leaves out, and what one network for all rows loses, is in neither.

    Where several Gaussians were fitted, the moments are those of all, in the shares that their bounds give
    them; of latents on a bounded set they are taken of 512 draws.

    **Raises:** `TypeError` where z is not followed by gradients, as for
    [`log_evidence`][lowerbound.evidence.ladder.log_evidence] with `method="refined"`.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> latent = lb.DiagonalGaussian(1)                           # p(z∣x) = N(x/2, 1/2), q(z∣x) is far off
    >>> model = lb.VAE(lb.StandardNormal(1), lambda x: latent(jnp.array([3.0, -2.0])), lambda z: latent(
    ...     jnp.concatenate([z, jnp.zeros(1)])))
    >>> posterior = lb.refined_posterior(model, [[1.0]])
    >>> posterior.mean.round(3).tolist(), posterior.covariance.round(3).tolist()
    ([[0.5]], [[[0.5]]])
    """
    rows = checked(model, x, given)
    mean, covariance = in_chunks(_moments, (model, as_key(key)), (rows.x, rows.given), chunk=32)
    return Posterior(mean, covariance)


def _moments(constants: tuple[LatentModel, PRNGKeyArray], row: tuple[Array, Any]) -> tuple[Array, Array]:
    (model, key), (x, given) = constants, row
    keys = RowKeys.by_content(key, x)
    target = Target(model.sampler(x, keys.transform, given))
    fits = fitted(target, keys.draws)
    share = jnp.exp(Refined(target, fits).log_share)
    if target.unbounded:
        means, covariances = fits.mean, fits.covariance
    else:
        e = jax.random.normal(jax.random.fold_in(keys.draws, 0), (_PAIRS, target.size))
        both = jnp.concatenate([e, -e])
        z = jax.vmap(lambda fit: jax.vmap(lambda e: target.z_of(fit.u(e)).ravel())(both))(fits)
        means = z.mean(1)
        off = z - means[:, None]
        covariances = jnp.einsum("jki,jkl->jil", off, off) / z.shape[1]
    mean = share @ means
    apart = means - mean
    return mean, jnp.tensordot(share, covariances + apart[:, :, None] * apart[:, None, :], 1)
