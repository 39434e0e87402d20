"""The latent space as the explorer shows it: the codes of rows, draws from their posteriors and the prior."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.data.rows import Rows
from lowerbound.inference.codes import encode
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key, keys_of
from lowerbound.serve.explorer.bases import Basis, bases_of
from lowerbound.serve.service import Service

__all__ = ["Latents"]

# Draws that contours and the ends of axes are computed from.
_DRAWS = 20_000


@dataclass(frozen=True)
class Latents:
    """Where the rows lie in the latent space.

    `codes`: the posterior means E[z∣x] of the rows of the numbers `order`, a permutation, so that any first
    part is a fair sample of all; `posterior`: a draw z ~ q(z∣x) for each of the first 20,000 of them, which
    together are drawn from the aggregate posterior; `prior`: 20,000 draws z ~ p(z); `bases`: coordinates for
    them, the page's first choice first.
    """

    codes: Float[np.ndarray, "n d"]
    order: Int[np.ndarray, " n"]
    posterior: Float[np.ndarray, "m d"]
    prior: Float[np.ndarray, "k d"]
    bases: dict[str, Basis]

    @classmethod
    def of_service(cls, service: Service, *, most: int) -> Self:
        """Those of the rows whose codes a service shows."""
        rows = None if service.source is None else service.source.rows
        return cls.of(service.model, rows, most=most, seed=service.key)

    @classmethod
    def of(cls, model: LatentModel, rows: Rows | None, *, most: int, seed: int = 0) -> Self:
        """The codes of at most so many rows, a random part of more; without rows the prior alone."""
        key = as_key(seed)
        draws = jax.random.key_data(keys_of(key, jnp.arange(_DRAWS)))
        prior = in_chunks(_from_prior, model, draws, chunk=CHUNK).astype(np.float32)
        codes = posterior = np.zeros((0, prior.shape[1]), np.float32)
        order = np.zeros(0, int)
        if rows is not None and len(rows.x):
            order = np.random.default_rng(seed).permutation(len(rows.x))[:most]
            shown = rows[order]
            # As requests have it, so that the programs are those that are there.
            shown = replace(shown, x=np.asarray(shown.x, np.float32))
            codes = encode(model, shown, key=key).astype(np.float32)
            posterior = in_chunks(_from_posterior, (model, key), shown.x[:_DRAWS], chunk=CHUNK)
        return cls(codes, order, posterior.astype(np.float32), prior, bases_of(codes, prior))


def _from_prior(model: LatentModel, data: Array) -> Array:
    return jnp.ravel(jnp.asarray(model.p_z().sample(as_key(data)), float))


def _from_posterior(constants: tuple[LatentModel, PRNGKeyArray], x: Array) -> Array:
    model, key = constants
    keys = RowKeys.by_content(key, x)
    return jnp.ravel(jnp.asarray(model.sampler(x, keys.transform).q.sample(keys.draws), float))
