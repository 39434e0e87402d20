"""Using a model: encode, decode, reconstruct, generate; and how rows go through a compiled function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.rows import as_rows, check_support
from lowerbound.data.tables import as_table
from lowerbound.distributions.support import OrMissing
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.transforms import Binarization, Identity, Transform
from lowerbound.randomness.keys import RowKeys, as_key, content_key

__all__ = [
    "checked",
    "chunks",
    "decode",
    "encode",
    "impute",
    "in_chunks",
    "observed",
    "reconstruct",
    "sample",
    "transformed",
]


def in_chunks(function: Callable[..., PyTree], constants: PyTree, rows: PyTree, *, chunk: int) -> PyTree:
    """`function(constants, row)` of every row, compiled once for chunks of one fixed shape.

    `rows` is a tree of arrays with one leading axis. Returns NumPy arrays. `function` is a function of a
    module, since the compiled program is kept under its name.
    """
    parts = list(chunks(function, constants, rows, chunk=chunk))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def chunks(
    function: Callable[..., PyTree],
    constants: PyTree,
    rows: PyTree,
    *,
    chunk: int,
    devices: int = 1,
    start: int = 0,
) -> Iterator[PyTree]:
    """What [`in_chunks`][] puts together, a chunk at a time from row `start` on: `chunk` rows for each of
    `devices` local devices.

    The last chunk is filled up with its own first row, so that one row alone and the same row among others
    take the same path to the last bit. The next chunk is computed while the caller looks at this one.
    """
    n, step = len(jax.tree.leaves(rows)[0]), chunk * devices
    mesh = Mesh(np.array(jax.local_devices()[:devices]), ("rows",)) if devices > 1 else None

    def dispatched(first: int) -> tuple[int, PyTree]:
        index: Any = slice(first, first + step)
        if first + step > n:
            index = np.r_[first:n, np.full(first + step - n, first)]
        block = jax.tree.map(lambda leaf: np.asarray(leaf)[index], rows)
        return min(step, n - first), _chunk(function, constants, block, mesh)

    under_way = map(dispatched, range(start, n, step))
    chunk_now = next(under_way, None)
    while chunk_now is not None:
        (count, result), chunk_now = chunk_now, next(under_way, None)
        yield jax.tree.map(lambda leaf, count=count: np.asarray(leaf)[:count], result)


@eqx.filter_jit
def _chunk(function: Callable[..., PyTree], constants: PyTree, rows: PyTree, mesh: Mesh | None) -> PyTree:
    arrays, static = eqx.partition(constants, eqx.is_array)

    def on_device(arrays: PyTree, rows: PyTree) -> PyTree:
        return jax.vmap(lambda row: function(eqx.combine(arrays, static), row))(rows)

    if mesh is None:
        return on_device(arrays, rows)
    return jax.shard_map(
        on_device,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("rows")),
        out_specs=PartitionSpec("rows"),
        check_vma=False,  # rows do not meet: nothing is summed over devices
    )(arrays, rows)


# Rows of a chunk where a row is one pass through a network: a few milliseconds, most of them of products.
_CHUNK = 512


def checked(
    model: LatentModel, x: Any, given: Any = None, name: str = "x"
) -> tuple[np.ndarray, np.ndarray | None]:
    """`x` and `given` as arrays that `model` is made for.

    **Raises:** `TypeError` and `ValueError` for anything but finite numbers (NaN passes where the likelihood
    takes missing values); a width that is not the model's; values outside the transform's domain or the
    likelihood's support (where there is a transform, the first thousand rows are looked at, and as many
    with missing values); conditions that are not one a row.
    """
    (x, _), transform = as_table(x, name, missing=model.takes_missing), model.transform
    if given is not None:
        given = np.asarray(given)
        given = as_rows(given[:, None] if given.ndim == 1 else given, f"the condition of {name}")
        if len(given) != len(x):
            raise ValueError(f"given: expected a condition for each of {len(x)} rows, found {len(given)}")
    event = model.event(None if given is None else jnp.asarray(given[0]))
    if event.shape != x.shape[1:]:
        raise ValueError(
            f"{name}: expected rows of shape {event.shape}, the likelihood's, found rows of shape "
            f"{x.shape[1:]}"
        )
    seen = x
    if not isinstance(transform, Identity):  # whose domain, all real numbers, the table was looked at for
        domain = OrMissing(transform.domain) if model.takes_missing else transform.domain
        check_support(x, domain, name, of=type(transform).__name__)
        # Rows with holes besides: a column may be of a family that takes none.
        holes = np.flatnonzero(np.isnan(x).any(1) if model.takes_missing else ())
        looked_at = np.unique(np.r_[: min(len(x), 1000), holes[:1000]])
        seen = transformed(transform, x[looked_at])
    check_support(seen, event.support, name)
    return x, given


def transformed(transform: Transform, x: ArrayLike, key: PRNGKeyArray | int = 0) -> Float[np.ndarray, "n d"]:
    """Rows as the parts of a model see them in inference, y = T(x): noise follows from a row's content.

    >>> transformed(Identity(), np.array([[0, 1]])).tolist()
    [[0.0, 1.0]]
    """
    return np.asarray(in_chunks(_transformed, (transform, as_key(key)), x, chunk=_CHUNK))


def _transformed(constants: tuple[Transform, PRNGKeyArray], x: Array) -> Array:
    transform, key = constants
    return transform(x, RowKeys.by_content(key, x).transform)


def observed(model: LatentModel, x: np.ndarray, seed: int = 0) -> np.ndarray:
    """The rows whose probability is stated: the binary ones where the model binarises, else `x`."""
    return transformed(model.transform, x, seed) if isinstance(model.transform, Binarization) else x


def encode(
    model: LatentModel,
    x: ArrayLike,
    *,
    given: ArrayLike | None = None,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, "n d"]:
    """The posterior means E[z∣x], a row each: no noise, but for a transform that draws.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(3), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(3, latent.size, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels),
    ... )
    >>> lb.encode(model, np.ones((5, 3))).shape
    (5, 2)
    """
    rows = checked(model, x, given)
    return np.asarray(in_chunks(_encoded, (model, as_key(key)), rows, chunk=_CHUNK))


def _encoded(constants: tuple[LatentModel, PRNGKeyArray], row: tuple[Array, Any]) -> Array:
    (model, key), (x, given) = constants, row
    return model.sampler(x, RowKeys.by_content(key, x).transform, given).q.mean


def decode(model: LatentModel, z: ArrayLike, *, given: ArrayLike | None = None) -> Float[np.ndarray, "n d"]:
    """The likelihood means E[x∣z], a row each, in the data's own units.

    >>> import jax, numpy as np, lowerbound as lb
    >>> pixels, latent, key = lb.Bernoulli(4), lb.DiagonalGaussian(2), jax.random.key(0)
    >>> q = lb.Conditional(lb.MLP(4, latent.size, key=key), latent)
    >>> p = lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels)
    >>> lb.decode(lb.VAE(lb.StandardNormal(2), q, p), np.zeros((1, 2))).tolist()
    [[0.5, 0.5, 0.5, 0.5]]
    """
    return np.asarray(in_chunks(_decoded, model, (z, given), chunk=_CHUNK))


def _decoded(model: LatentModel, row: tuple[Array, Any]) -> Array:
    z, given = row
    return model.transform.inverse(model.p_x(z, given).mean)


def reconstruct(
    model: LatentModel,
    x: ArrayLike,
    *,
    given: ArrayLike | None = None,
    key: PRNGKeyArray | int = 0,
) -> Float[np.ndarray, "n d"]:
    """The likelihood means at the posterior means, E[x∣z = E[z∣x]], in the data's own units."""
    return decode(model, encode(model, x, given=given, key=key), given=given)


def sample(
    model: LatentModel,
    n: int,
    *,
    key: PRNGKeyArray | int,
    given: ArrayLike | None = None,
    mean: bool = False,
) -> Float[np.ndarray, "n d"]:
    """`n` rows generated by z ~ p(z), x ~ p(x∣z), from the prior that was trained.

    **Arguments:** `given`: the condition, a row each; `mean`: the likelihood's means E[x∣z] in place
    of observations. Sample j depends on (key, j) only.

    >>> import jax, lowerbound as lb
    >>> pixels, latent, key = lb.Bernoulli(4), lb.DiagonalGaussian(2), jax.random.key(0)
    >>> q = lb.Conditional(lb.MLP(4, latent.size, key=key), latent)
    >>> p = lb.Conditional(lb.MLP(2, pixels.size, key=key), pixels)
    >>> lb.sample(lb.VAE(lb.StandardNormal(2), q, p), 3, key=0).shape
    (3, 4)
    """
    if n < 1:
        raise ValueError(f"sample: expected n of at least 1, found {n}")
    keys = jax.vmap(jax.random.fold_in, (None, 0))(as_key(key), jnp.arange(n))
    rows = (jax.random.key_data(keys), given)
    function = _generated_mean if mean else _generated
    return np.asarray(in_chunks(function, model, rows, chunk=_CHUNK))


def _generated(model: LatentModel, row: tuple[Array, Any]) -> Array:
    data, given = row
    key_z, key_y = jax.random.split(as_key(data))
    y = model.p_x(model.p_z(given).sample(key_z), given).sample(key_y)
    return model.transform.inverse(jnp.asarray(y, float))


def _generated_mean(model: LatentModel, row: tuple[Array, Any]) -> Array:
    data, given = row
    key_z, _ = jax.random.split(as_key(data))
    return model.transform.inverse(model.p_x(model.p_z(given).sample(key_z), given).mean)


def impute(
    model: LatentModel,
    x: ArrayLike,
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
    x, given = checked(model, x, given)
    constants = (model, as_key(key), _Range(samples), mean)
    # Rows of a chunk, so that a chunk decodes about as many rows as elsewhere.
    chunk = max(1, min(_CHUNK, 8192 // samples))
    return np.asarray(in_chunks(_imputed, constants, (x, given), chunk=chunk))


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
