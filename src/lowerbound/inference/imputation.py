"""Missing values drawn from what a model says of them given those that were observed."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.data.rows import Rows, checked
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key, content_key

__all__ = ["impute"]


def impute(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    samples: int = 1000,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
    mean: bool = False,
) -> Float[np.ndarray, "n d"]:
    """`x` with its missing values (NaN) drawn from p(x_missing∣x_observed), by self-normalised importance
    resampling (Mattei & Frellsen 2019, section 3): of `samples` z⁽ʲ⁾ ~ q(z∣x_observed), each with weight
    w = p(x_observed, z)/q(z∣x_observed), one is chosen with probability w̃ⱼ = wⱼ/Σw, and x_missing drawn
    from p(x∣z). Observed values are given back as they are.

    **Arguments:** `x`: (n, d), in the data's own units; `samples`: draws of z a row: the more, the closer
    to the exact conditional; `mean`: the conditional means Σ w̃ⱼ E[x∣z⁽ʲ⁾] in place of draws, the best in
    squared error; `given`, `key`: as for [`log_evidence`][].

    **Raises:** `ValueError` for a likelihood that does not take missing values.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(3, missing=True), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(3, latent.size, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels),
    ... )
    >>> filled = lb.impute(model, np.array([[1, np.nan, 0]]), samples=100)
    >>> filled[0, [0, 2]].tolist(), filled[0, 1] in (0, 1)
    ([1.0, 0.0], True)
    """
    if not model.takes_missing:
        raise ValueError(
            "impute: the likelihood does not take missing values; build its family with missing=True, "
            "and train the model so"
        )
    if samples < 1:
        raise ValueError(f"impute: expected samples of at least 1, found {samples}")
    rows = checked(model, x, given)
    constants = (model, as_key(key), _Range(samples), mean)
    # Rows of a chunk, so that a chunk decodes about as many rows as elsewhere.
    chunk = max(1, min(CHUNK, 8192 // samples))
    return np.asarray(in_chunks(_imputed, constants, (rows.x, rows.given), chunk=chunk))


class _Range(eqx.Module):
    """0, …, length − 1, of a length that a compiled program knows."""

    length: int = eqx.field(static=True)


def _imputed(constants: tuple[LatentModel, PRNGKeyArray, _Range, bool], row: tuple[Array, Any]) -> Array:
    (model, key, samples, mean), (x, given) = constants, row
    draw = model.draw(x, RowKeys.by_content(key, x), samples.length, given)
    inverse = model.transform.inverse
    if mean:
        weight = jax.nn.softmax(draw.log_weight)
        filled = weight @ jax.vmap(lambda z: inverse(model.p_x(z, given).mean))(draw.z)
    else:
        choice_key, y_key = jax.random.split(content_key(key, x, "imputation"))
        z = draw.z[jax.random.categorical(choice_key, draw.log_weight)]
        filled = inverse(jnp.asarray(model.p_x(z, given).sample(y_key), float))
    return jnp.where(jnp.isnan(x), filled, jnp.asarray(x, float))
