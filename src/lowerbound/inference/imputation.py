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
from lowerbound.data.rows import Rows, checked, in_own_units
from lowerbound.data.tables import columns_of
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key, content_key

__all__ = ["impute"]


def impute(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    draws: int | None = None,
    samples: int = 1000,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
    mean: bool = False,
) -> Float[np.ndarray, "*draws n d"]:
    """`x` with its missing values (NaN) drawn from p(x_missing∣x_observed), by self-normalised importance
    resampling (Mattei & Frellsen 2019, section 3): of `samples` z⁽ʲ⁾ ~ q(z∣x_observed), each with weight
    w = p(x_observed, z)/q(z∣x_observed), one is chosen with probability w̃ⱼ = wⱼ/Σw, and x_missing drawn
    from p(x∣z). Observed values are given back as they are, to the bit.

    **Arguments:** `x`: (n, d), in the data's own units; `draws`: how many times x_missing is drawn, for
    (draws, n, d); by default once, for (n, d); `samples`: K, samples of z a row: the more, the closer to the
    exact conditional; `mean`: the conditional means Σ w̃ⱼ E[x∣z⁽ʲ⁾] in place of draws, the best in squared
    error; of a category, whose levels have no mean, the level that weighs most; `given`, `key`: as for
    [`log_evidence`][].

    **Raises:** `ValueError` for a likelihood that does not take missing values, for `draws` of means, and for
    numbers below 1.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4, missing=True), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> filled = lb.impute(model, np.array([[1, np.nan, 0, 1]]), samples=100)
    >>> filled[0, [0, 2, 3]].tolist(), filled[0, 1] in (0, 1)
    ([1.0, 0.0, 1.0], True)
    """
    if not model.takes_missing:
        raise ValueError(
            "impute: the likelihood does not take missing values; build its family with missing=True, "
            "and train the model so"
        )
    for name, number in (("samples", samples), ("draws", 1 if draws is None else draws)):
        if number < 1:
            raise ValueError(f"impute: expected {name} of at least 1, found {number}")
    if mean and draws is not None:
        raise ValueError(f"impute: a mean is one, found draws={draws} besides; leave one of them out")
    rows = checked(model, x, given)
    constants = _Constants(model, as_key(key), samples, draws or 1, mean)
    # Rows of a chunk, so that a chunk decodes about as many rows as elsewhere.
    chunk = max(1, min(CHUNK, 8192 // samples))
    drawn = in_chunks(_imputed, constants, (rows.x, rows.given), chunk=chunk).swapaxes(0, 1)
    observed = rows.x
    if not isinstance(x, Rows):
        table = columns_of(x) if model.schema is None else model.schema.held_against(x)
        observed = np.stack([*map(_numbers, table.arrays)], axis=1)
        drawn = np.stack([in_own_units(model, each) for each in drawn])
    filled = np.where(np.isnan(observed), drawn, observed)
    return filled[0] if draws is None else filled


def _numbers(column: ArrayLike) -> np.ndarray:
    """A column in its own type of floats, or one that holds its whole numbers; None is NaN."""
    column = np.asarray(column)
    return column.astype(
        float if column.dtype.kind == "O" else np.result_type(column, np.float32), copy=False
    )


class _Constants(eqx.Module):
    model: LatentModel
    key: PRNGKeyArray
    samples: int = eqx.field(static=True)
    draws: int = eqx.field(static=True)
    mean: bool = eqx.field(static=True)


def _imputed(constants: _Constants, row: tuple[Array, Any]) -> Float[Array, "draws d"]:
    (x, given), model = row, constants.model
    draw = model.draw(x, RowKeys.by_content(constants.key, x), constants.samples, given)
    # Where no weight is above 0, of a row too far out, each sample is as good as another.
    known = jnp.isfinite(draw.log_weight)
    log_weight = jnp.where(known.any(), jnp.where(known, draw.log_weight, -jnp.inf), 0.0)
    inverse = model.transform.inverse
    if constants.mean:
        points = jax.vmap(lambda z: model.point(z, given))(draw.z)
        return _expected(model, points, jax.nn.softmax(log_weight))[None]

    def drawn(j: Array) -> Array:
        choice_key, y_key = jax.random.split(jax.random.fold_in(key, j))
        z = draw.z[jax.random.categorical(choice_key, log_weight)]
        return inverse(jnp.asarray(model.p_x(z, given).sample(y_key), float))

    key = content_key(constants.key, x, "imputation")
    return jax.vmap(drawn)(jnp.arange(constants.draws))


def _expected(
    model: LatentModel, points: Float[Array, "K d"], weight: Float[Array, " K"]
) -> Float[Array, " d"]:
    """Σⱼ w̃ⱼ x̂ⱼ of numbers; of a category the level that weighs most."""
    inverse = model.transform.inverse
    mean = weight @ jax.vmap(inverse)(points)
    if not model.categories:
        return mean
    places = jnp.asarray(model.categories)

    def heaviest(levels: Float[Array, " K"]) -> Float[Array, ""]:
        return levels[((levels[:, None] == levels) @ weight).argmax()]

    chosen = inverse(points[0].at[places].set(jax.lax.map(heaviest, points[:, places].T)))
    return mean.at[places].set(chosen[places])
