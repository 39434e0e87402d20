"""Codes of rows, and rows of codes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.data.rows import Rows, checked, conditions_for, in_own_units
from lowerbound.evidence.coordinates import Target
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["decode", "encode", "reconstruct"]

# Of a step towards a fitted code, in standard deviations of q(z∣x).
_STEP = 0.1


def encode(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    given: ArrayLike | None = None,
    steps: int = 0,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, "n d"]:
    """The posterior means E[z∣x], a row each: no noise, but for a transform that draws.

    With `steps`, codes fitted to each row: so many steps of gradient ascent (Adam) of log p(x∣z) from the
    posterior mean, each of about a tenth of the standard deviation of q(z∣x) in every dimension. A few dozen
    stay among what is likely under q(z∣x), and find what the encoder, one network for all rows, misses of the
    one at hand; many more go to where p(z) has no mass. Each costs a pass forwards and backwards through the
    decoder.

    **Raises:** `ValueError` for a number of steps below 0; `TypeError` for codes without a gradient, as
    discrete ones, where there are steps.

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
    if isinstance(steps, bool) or int(steps) != steps or steps < 0:
        raise ValueError(f"encode.steps: expected a whole number of at least 0, found {steps!r}")
    rows = checked(model, x, given)
    constants = (model, as_key(key), int(steps))
    return np.asarray(in_chunks(_encoded, constants, (rows.x, rows.given), chunk=CHUNK))


def _encoded(constants: tuple[LatentModel, PRNGKeyArray, int], row: tuple[Array, Any]) -> Array:
    (model, key, steps), (x, given) = constants, row
    keys = RowKeys.by_content(key, x)
    sampler = model.sampler(x, keys.transform, given)
    return _fitted(sampler, steps, keys.draws) if steps else sampler.q.mean


def _fitted(sampler: Sampler, steps: int, key: PRNGKeyArray) -> Array:
    """z(u₀ + s e) after steps of e towards a higher log p(x∣z), u₀ that of the posterior mean and s the
    standard deviation of u under q(z∣x)."""
    target, adam = Target(sampler), optax.adam(_STEP)
    start = target.u_of(sampler.q.mean)
    _, scale = target.moments(sampler.q, key)

    def z_of(e: Array) -> Array:
        return target.z_of(start + scale * e)

    def step(carry: tuple[Array, optax.OptState], _: None) -> tuple[tuple[Array, optax.OptState], None]:
        e, state = carry
        slope = jax.grad(lambda e: -sampler.log_likelihood(z_of(e)))(e)
        move, state = adam.update(slope, state)
        return (optax.apply_updates(e, move), state), None

    e = jnp.zeros_like(start)
    (e, _), _ = jax.lax.scan(step, (e, adam.init(e)), length=steps)
    return z_of(e)


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
    steps: int = 0,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, "n d"]:
    """The likelihood means at the posterior means, E[x∣z = E[z∣x]], in the data's own units; with `steps`, at
    codes fitted to each row, as [`encode`][lowerbound.encode] has them."""
    rows = checked(model, x, given)
    return decode(model, encode(model, rows, steps=steps, key=key), given=rows.given)
