"""Rows through a function in chunks of one shape, so that a row's number depends on no row beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.pages import let_go
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.transforms import Binarization, Transform
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["CHUNK", "chunks", "in_chunks", "observed", "padded", "seen", "transformed"]

# Rows of a chunk where a row is one pass through a network: a few milliseconds, most of them of products.
CHUNK = 512


def padded(rows: PyTree, size: int, *, start: int = 0) -> Iterator[tuple[int, PyTree]]:
    """`rows`, a tree of arrays with one leading axis, in blocks of `size` from row `start` on, each with how
    many of its rows count: the last block is filled up with its own first row.

    A matrix product of another shape may round otherwise; so one row alone and the same row among others take
    the same path to the last bit.

    >>> [(count, block.tolist()) for count, block in padded(np.arange(3), 2)]
    [(2, [0, 1]), (1, [2, 2])]
    """
    n = len(jax.tree.leaves(rows)[0])
    for first in range(start, n, size):
        index: Any = slice(first, first + size)
        if first + size > n:
            index = np.r_[first:n, np.full(first + size - n, first)]
        yield min(size, n - first), jax.tree.map(lambda leaf, index=index: np.asarray(leaf)[index], rows)
        for leaf in jax.tree.leaves(rows):
            if isinstance(leaf, np.memmap):
                let_go(leaf[max(first - size, 0) : first])


def in_chunks(
    function: Callable[..., PyTree], constants: PyTree, rows: PyTree, *, chunk: int, devices: int = 1
) -> PyTree:
    """`function(constants, row)` of every row, compiled once for chunks of one fixed shape.

    `rows` is a tree of arrays with one leading axis. Returns NumPy arrays. `function` is a function of a
    module, since the compiled program is kept under its name.
    """
    parts = list(chunks(function, constants, rows, chunk=chunk, devices=devices))
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

    Chunks are [`padded`][]. The next one is computed while the caller looks at this one.
    """
    mesh = Mesh(np.array(jax.local_devices()[:devices]), ("rows",)) if devices > 1 else None

    def dispatched(block: tuple[int, PyTree]) -> tuple[int, PyTree]:
        count, block_rows = block
        return count, _chunk(function, constants, block_rows, mesh)

    under_way = map(dispatched, padded(rows, chunk * devices, start=start))
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


def transformed(transform: Transform, x: ArrayLike, key: PRNGKeyArray | int = 0) -> Float[np.ndarray, "n d"]:
    """Rows as the parts of a model see them in inference, y = T(x): noise follows from a row's content.

    >>> from lowerbound.models.transforms import Identity
    >>> transformed(Identity(), np.array([[0, 1]])).tolist()
    [[0.0, 1.0]]
    """
    return np.concatenate(list(seen(transform, x, key)))


def seen(
    transform: Transform, x: ArrayLike, key: PRNGKeyArray | int = 0
) -> Iterator[Float[np.ndarray, "m d"]]:
    """What [`transformed`][] puts together, a chunk at a time."""
    return chunks(_transformed, (transform, as_key(key)), x, chunk=CHUNK)


def _transformed(constants: tuple[Transform, PRNGKeyArray], x: Array) -> Array:
    transform, key = constants
    return transform(x, RowKeys.by_content(key, x).transform)


def observed(model: LatentModel, x: np.ndarray, seed: int = 0) -> np.ndarray:
    """The rows whose probability is stated: the binary ones where the model binarises, else `x`."""
    return transformed(model.transform, x, seed) if isinstance(model.transform, Binarization) else x
