"""Rows through a function in chunks of one shape, so that a row's number depends on no row beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock, RLock
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.dtypes import canonicalize_dtype
from jax.sharding import Mesh, PartitionSpec
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.data.ahead import ahead, settings
from lowerbound.data.form import Form, divided
from lowerbound.data.kept import KEPT, Program
from lowerbound.data.pages import let_go
from lowerbound.matrices import waits_for_threads
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.transforms import Binarization, Transform
from lowerbound.networks.product import multiplying
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["CHUNK", "TOGETHER", "chunks", "in_chunks", "observed", "padded", "seen", "transformed"]

# Rows of a chunk where a row is one pass through a network: a few milliseconds, most of them of products.
CHUNK = 512
# Of those so many are computed together on a CPU: of fewer XLA takes another kernel, of more none is faster.
TOGETHER = 64


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
    function: Callable[..., PyTree],
    constants: PyTree,
    rows: PyTree,
    *,
    chunk: int,
    together: int = TOGETHER,
    devices: int = 1,
) -> PyTree:
    """`function(constants, row)` of every row, compiled once for chunks of one fixed shape.

    `rows` is a tree of arrays with one leading axis. Returns NumPy arrays. `function` is a function of a
    module, since the compiled program is kept under its name. On a CPU a chunk is gone through in a loop, so
    many rows `together`, and no further than there are rows: one row costs one turn of it, and has the bits
    that it has among others, since each turn is the same.
    """
    parts = list(chunks(function, constants, rows, chunk=chunk, together=together, devices=devices))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts) if len(parts) > 1 else parts[0]


def chunks(
    function: Callable[..., PyTree],
    constants: PyTree,
    rows: PyTree,
    *,
    chunk: int,
    together: int = TOGETHER,
    devices: int = 1,
    start: int = 0,
) -> Iterator[PyTree]:
    """What [`in_chunks`][] puts together, a chunk at a time from row `start` on: `chunk` rows for each of
    `devices` local devices.

    Chunks are [`padded`][]. The next ones are computed while the caller looks at this one: on a CPU as many
    at a time as there are cores, each called by a thread of its own, since XLA runs the programs that one
    thread calls one after the other.
    """
    arrays, form = divided(constants)
    mesh = Mesh(np.array(jax.local_devices()[:devices]), ("rows",)) if devices > 1 else None
    on_cpu = jax.default_backend() == "cpu"
    by_threads = on_cpu and mesh is None
    turn = together if on_cpu and chunk % together == 0 else chunk
    static = (function, form, turn, mesh)
    kinds = tuple(
        (leaf.shape[1:], canonicalize_dtype(leaf.dtype)) for leaf in map(np.asarray, jax.tree.leaves(rows))
    )
    known = (static, chunk, jax.tree.structure(rows), kinds, settings())

    def found(block: tuple[int, PyTree]) -> tuple[int, PyTree]:
        count, block_rows = block
        turns = np.int32(-(-count // turn) if mesh is None else chunk // turn)
        arguments = (arrays, block_rows, turns)
        with _MAKING:  # one by one: the second of two threads that need it has what the first made
            if known not in _PROGRAMS:
                _PROGRAMS[known] = _program(static, constants, arguments)
            program = _PROGRAMS[known]
        if program.waits:
            with _ALONE:
                return count, jax.block_until_ready(program.run(*arguments))
        return count, program.run(*arguments)

    blocks = padded(rows, chunk * devices, start=start)
    if known not in _PROGRAMS and (first := next(blocks, None)) is not None:
        yield _counted(*found(first))  # lest two threads compile the same program
    for count, result in ahead(found, blocks, by_threads=by_threads):
        yield _counted(count, result)


def _counted(count: int, result: PyTree) -> PyTree:
    """The rows that count, as NumPy's arrays."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], result)


# Held while a program runs beside which no other of its kind may.
_ALONE = Lock()
# Held while a program is made, by whoever makes others for it.
_MAKING = RLock()
# Programs by all that they are traced for.
_PROGRAMS: dict[Any, Program] = {}


def _program(static: tuple[Any, ...], constants: PyTree, arguments: tuple[Any, ...]) -> Program:
    """A program that was kept, or one that is kept from now on; else one of this process alone."""
    function, _, turn, mesh = static
    _, rows, _ = arguments
    file = None if mesh is not None else KEPT.file_of(function, turn, constants, rows, settings())
    kept = None if file is None else KEPT.read(file)
    if kept is not None:
        return kept
    run = partial(_chunk, *static)
    # What is traced for it is not traced again when it is called.
    on_one_cpu = jax.default_backend() == "cpu" and mesh is None
    waits = on_one_cpu and waits_for_threads(_chunk.trace(*static, *arguments).jaxpr)
    made = None if file is None else KEPT.write(file, jax.jit(run), arguments, waits)
    return made or Program(run, waits)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _chunk(
    function: Callable[..., PyTree],
    form: Form,
    turn: int,
    mesh: Mesh | None,
    arrays: Sequence[Array],
    rows: PyTree,
    turns: Array,
) -> PyTree:
    """`function` of the rows of a chunk, of so many of which each turn is."""

    def on_device(arrays: Sequence[Array], rows: PyTree, turns: Array) -> PyTree:
        n = len(jax.tree.leaves(rows)[0])

        def of_row(row: PyTree) -> PyTree:
            with multiplying():
                return function(form.with_arrays(arrays), row)

        of_rows = jax.jit(jax.vmap(of_row))  # traced once, though it is asked for its shapes and called
        if turn >= n:
            return of_rows(rows)

        def some(i: Array | int) -> PyTree:
            return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, i * turn, turn), rows)

        def of_turn(i: Array, done: PyTree) -> PyTree:
            found = of_rows(some(i))
            return jax.tree.map(
                lambda all, new: jax.lax.dynamic_update_slice_in_dim(all, new, i * turn, 0), done, found
            )

        shapes = jax.eval_shape(of_rows, some(0))
        nothing = jax.tree.map(lambda leaf: jnp.zeros((n, *leaf.shape[1:]), leaf.dtype), shapes)
        return jax.lax.fori_loop(0, turns, of_turn, nothing)

    if mesh is None:
        return on_device(arrays, rows, turns)
    return jax.shard_map(
        on_device,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("rows"), PartitionSpec()),
        out_specs=PartitionSpec("rows"),
        check_vma=False,  # rows do not meet: nothing is summed over devices
    )(arrays, rows, turns)


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
