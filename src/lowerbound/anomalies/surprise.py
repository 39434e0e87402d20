"""Why a row is odd: the surprise of each of its columns, given the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from lowerbound.data.chunks import CHUNK, in_chunks, transformed
from lowerbound.data.rows import Rows, checked
from lowerbound.evidence.defaults import ERROR, SAMPLES, Method
from lowerbound.evidence.ladder import log_evidence
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.transforms import Identity, Transform
from lowerbound.models.vae import VAE

__all__ = ["Surprise", "surprise"]


class Surprise(NamedTuple):
    """The surprise of each column of n rows, in nats, its standard error from the samples drawn, and whether
    both can be relied on; NaN where the value was not observed."""

    surprise: Float[np.ndarray, "n d"]
    standard_error: Float[np.ndarray, "n d"]
    reliable: Bool[np.ndarray, "n d"]


# Rows of which one column is left out that are held together.
_HELD = 4096


def surprise(
    model: LatentModel,
    x: ArrayLike | Rows,
    *,
    method: Method = "auto",
    samples: int = SAMPLES,
    error: float | None = ERROR,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
) -> Surprise:
    """−log p(xⱼ∣x_rest) = log p(x_rest) − log p(x) of each column j given all others, (n, d), in nats and in
    the column's own units: how much less odd a row would be had this value not been observed. Where the
    columns are dependent the surprises of a row do not sum to −log p(x). A text, whose tokens are one value
    in several places, has one, in the first of them; in the others NaN stands, as where nothing was
    observed.

    Both terms are estimates of [`log_evidence`][], of rows with a hole each: d + 1 of them a row. To reweight
    draws of q(z∣x) by 1/p(xⱼ∣z) would take one, but a value that is odd pulls z to where the rest would not
    have it, and such weights then have no variance; a proposal that is fitted to x_rest has a stated error.
    The model need not have been trained on missing values. Ask for the rows that were flagged, not for all.

    **Arguments:** as for [`log_evidence`][]; `error` in nats, of each of the two terms.

    **Raises:** `TypeError` for a likelihood whose columns are not independent given z.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> latent, pair = lb.DiagonalGaussian(1), lb.DiagonalGaussian(2, scale=lb.FixedScale(1.0))
    >>> model = lb.VAE(                                     # x₀ = z + ε₀, x₁ = z + ε₁, all of variance 1
    ...     lb.StandardNormal(1),
    ...     lambda x: latent(jnp.array([x.sum() / 3, -1.1])),
    ...     lb.Conditional(lambda z: jnp.repeat(z, 2), pair),
    ... )
    >>> options = {"method": "importance", "samples": 20_000}
    >>> found = lb.surprise(model, [[0.0, 3.0]], **options) # x₁∣x₀ ~ N(0, 3/2), x₀∣x₁ ~ N(3/2, 3/2)
    >>> found.surprise.round(1).tolist()
    [[1.9, 4.1]]
    """
    if not isinstance(model, VAE):
        raise TypeError(f"surprise: expected a VAE, found {type(model).__name__}")
    rows = checked(model, x, given)
    y = transformed(model.transform, rows.x, key)
    log_scale = in_chunks(_log_scales, model.transform, rows.x, chunk=CHUNK)
    # Over the rows that its parts see.
    with_holes = replace(model.taking_missing(), transform=Identity())
    budget: dict[str, Any] = {"method": method, "samples": samples, "error": error, "key": key}
    step = max(1, _HELD // (y.shape[1] + 1))
    parts = []
    for first in range(0, len(y), step):
        some = slice(first, first + step)
        conditions = None if rows.given is None else rows.given[some]
        parts.append(_surprise(with_holes, y[some], log_scale[some], conditions, budget))
    return Surprise(*map(np.concatenate, zip(*parts, strict=True)))


def _surprise(
    model: LatentModel, y: np.ndarray, log_scale: np.ndarray, given: np.ndarray | None, budget: dict[str, Any]
) -> Surprise:
    """Of rows that are held together, as the model's parts see them."""
    there = ~np.isnan(y)
    for _, *others in model.together:  # told once, at their first place
        there[:, others] = False
    row, column = np.nonzero(there)
    rest = y[row]
    rest[np.arange(len(rest)), column] = np.nan
    for first, *others in model.together:
        rest[np.flatnonzero(column == first)[:, None], others] = np.nan
    conditions = None if given is None else np.concatenate([given, given[row]])
    evidence = log_evidence(model, np.concatenate([y, rest]), given=conditions, **budget)
    of_row, of_rest = evidence[: len(y)][row], evidence[len(y) :]
    found = Surprise(np.full(y.shape, np.nan), np.full(y.shape, np.nan), np.zeros(y.shape, bool))
    with np.errstate(invalid="ignore"):  # where the rest alone is too far out for a number
        found.surprise[row, column] = of_rest.log_prob - of_row.log_prob
    found.surprise[...] -= log_scale
    found.standard_error[row, column] = np.hypot(of_rest.standard_error, of_row.standard_error)
    found.reliable[row, column] = of_rest.reliable & of_row.reliable
    return found


def _log_scales(transform: Transform, x: Array) -> Float[Array, " d"]:
    """log ∣∂yⱼ/∂xⱼ∣ of each column: what the row's log-Jacobian loses when it is not observed."""
    x = jnp.asarray(x, float)
    without = jax.vmap(lambda j: transform.log_jacobian(x.at[j].set(jnp.nan)))(jnp.arange(len(x)))
    return transform.log_jacobian(x) - without
