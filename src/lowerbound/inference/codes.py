"""Codes of rows, and rows of codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.data.rows import Rows, checked, conditions_for, in_own_units
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["decode", "encode", "reconstruct"]


def encode(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    given: ArrayLike | None = None,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, "n d"]:
    """The posterior means E[z∣x], a row each: no noise, but for a transform that draws.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> lb.encode(model, np.ones((5, 4))).shape
    (5, 2)
    """
    rows = checked(model, x, given)
    return np.asarray(in_chunks(_encoded, (model, as_key(key)), (rows.x, rows.given), chunk=CHUNK))


def _encoded(constants: tuple[LatentModel, PRNGKeyArray], row: tuple[Array, Any]) -> Array:
    (model, key), (x, given) = constants, row
    return model.sampler(x, RowKeys.by_content(key, x).transform, given).q.mean


def decode(model: LatentModel, z: ArrayLike, *, given: ArrayLike | None = None) -> Float[np.ndarray, "n d"]:
    """The likelihood means E[x∣z], a row each, in the data's own units; of a category its most probable
    level.

    >>> import jax, numpy as np, lowerbound as lb
    >>> pixels, latent, key = lb.Bernoulli(4), lb.DiagonalGaussian(2), jax.random.key(0)
    >>> q = lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent)
    >>> p = lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels)
    >>> lb.decode(lb.VAE(lb.StandardNormal(2), q, p), np.zeros((1, 2))).tolist()
    [[0.5, 0.5, 0.5, 0.5]]
    """
    given = conditions_for(model, given, len(np.asarray(z)), "z")
    return in_own_units(model, np.asarray(in_chunks(_decoded, model, (z, given), chunk=CHUNK)))


def _decoded(model: LatentModel, row: tuple[Array, Any]) -> Array:
    z, given = row
    return model.transform.inverse(model.point(z, given))


def reconstruct(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    given: ArrayLike | None = None,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, "n d"]:
    """The likelihood means at the posterior means, E[x∣z = E[z∣x]], in the data's own units."""
    rows = checked(model, x, given)
    return decode(model, encode(model, rows, key=key), given=rows.given)
