"""Where the feed of the next steps comes from: rows that are on the device, or that are read beside it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Int, PRNGKeyArray

from lowerbound.data.others import Others
from lowerbound.data.pieces import PIECE, is_mapped, rows_of
from lowerbound.data.rows import Rows
from lowerbound.randomness.keys import as_key
from lowerbound.training.devices import block_of, in_shares, local_share, relative_weight, replicated
from lowerbound.training.division import Division
from lowerbound.training.feed import Batch, Feed, WholeFeed, Window
from lowerbound.training.order import Runs, ordered
from lowerbound.training.state import State, order_key

__all__ = ["OnDevice", "Stream", "Supplied", "Supply", "runs_of", "supply_of"]


class Supplied(NamedTuple):
    """A feed, and the step at which it ends."""

    feed: Feed
    until: int


class Supply(ABC):
    """Gives the feed from which a state's next steps are made: a pure function of the state's place."""

    @abstractmethod
    def after(self, state: State) -> Supplied:
        """The feed of the steps after `state`."""

    @property
    @abstractmethod
    def shapes(self) -> Batch:
        """What a batch is like: shapes and types in place of its arrays."""

    @property
    @abstractmethod
    def runs(self) -> Runs | None:
        """How rows are mixed, `None` for a full shuffle."""

    def close(self) -> None:  # noqa: B027  # most have nothing to end
        """Nothing is read any more."""


@dataclass(frozen=True)
class OnDevice(Supply):
    """All rows are on the device."""

    feed: WholeFeed

    @property
    def shapes(self) -> Batch:
        return self.feed.shapes

    @property
    def runs(self) -> Runs | None:
        return None

    def after(self, state: State) -> Supplied:
        return Supplied(self.feed, sys.maxsize)


def supply_of(
    division: Division, batch_size: int, mesh: Mesh | None, memory: int, key: PRNGKeyArray
) -> Supply:
    """The training rows on the device, unless they are mapped and take more than `memory`, in bytes, or
    several processes share them. `key` is the run's."""
    rows, numbers = division.rows, division.train_rows
    beyond = is_mapped(rows.x) and rows.x.nbytes > memory
    if not beyond and jax.process_count() == 1:
        return OnDevice(replicated(mesh, WholeFeed(block_of(rows, numbers), batch_size, mesh)))
    runs = runs_of(rows, memory) if beyond else None
    return Stream(rows, numbers, batch_size, order_key(key), runs=runs, mesh=mesh)


def runs_of(rows: Rows, memory: int) -> Runs:
    """The runs in which rows beyond `memory`, in bytes, are read: of [`PIECE`][lowerbound.data.pieces.PIECE]
    at least, and as many together as take an eighth of the memory, since the block that is read, what it is
    sorted from and the windows before and behind it are there at once."""
    size = max(rows.x.nbytes // len(rows.x), 1)
    length = max(1, min(-(-PIECE // size), len(rows.x)))
    return Runs(length, max(1, memory // 8 // (length * size)))


# Of a window on the device: large beside what a call costs, small beside a block.
_WINDOW = 16 * 1024 * 1024


class Stream(Supply):
    """Rows that are read while the device works: windows of batches in the order of [`ordered`][], of which
    each process reads its share of every batch.

    **Arguments:** `rows`, and the `numbers` of those that are trained on; `batch_size`; `key`: of the order;
    `runs`: how rows are mixed, `None` for a full shuffle; `mesh`: the devices that share a batch.
    """

    def __init__(
        self,
        rows: Rows,
        numbers: Int[np.ndarray, " n"] | Others,
        batch_size: int,
        key: PRNGKeyArray,
        *,
        runs: Runs | None = None,
        mesh: Mesh | None = None,
    ):
        self._rows, self._numbers, self._batch_size = rows, numbers, batch_size
        self._key, self._runs, self._mesh = np.asarray(jax.random.key_data(key)), runs, mesh
        self._weight = relative_weight(rows, np.asarray(numbers)) if rows.weight is not None else None
        # Numbered by their first step, so that windows are the same wherever a run goes on.
        self._steps = max(1, min(_WINDOW // (rows.x.nbytes // len(rows.x) * batch_size), 1024))
        self._windows: Iterator[Window] = iter(())
        self._at = -1
        self._reader = ThreadPoolExecutor(1, "rows")
        self._next: Future[Window] | None = None
        self._window: Window | None = None

    @property
    def shapes(self) -> Batch:
        def taken(array: np.ndarray) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((self._batch_size, *array.shape[1:]), array.dtype)

        x, given, weight = (
            None if array is None else taken(array)
            for array in (self._rows.x, self._rows.given, self._weight)
        )
        fields: list[Any] = [x, given, jax.ShapeDtypeStruct((self._batch_size,), jnp.int32), weight]
        return Batch(*fields)

    @property
    def runs(self) -> Runs | None:
        return self._runs

    def after(self, state: State) -> Supplied:
        number = int(state.step) // self._steps
        if number != self._at or self._window is None:
            if self._next is None or number != self._at + 1:
                self._windows = self._read_from(number)
                self._next = self._reader.submit(next, self._windows)
            self._window, self._at = self._next.result(), number
            self._next = self._reader.submit(next, self._windows)
        return Supplied(self._window, (number + 1) * self._steps)

    def close(self) -> None:
        self._reader.shutdown(cancel_futures=True)

    def _read_from(self, number: int) -> Iterator[Window]:
        """The windows from that number on."""
        n, of_window = len(self._numbers), self._steps * self._batch_size
        share = local_share(self._mesh, self._batch_size)
        rows = self._read_rows(*divmod(number * of_window, n), share)
        for own in _cut(rows, self._steps * (share.stop - share.start)):
            shaped = jax.tree.map(lambda a: a.reshape(self._steps, -1, *a.shape[1:]), own)
            place = map(jnp.asarray, np.array([*divmod(number * of_window, n), n], np.int32))
            yield Window(in_shares(self._mesh, shaped), *place)
            number += 1

    def _read_rows(self, epoch: int, position: int, share: slice) -> Iterator[Batch]:
        """This process's share of the rows from a place on, in order, without end: a block at a time."""
        n = len(self._numbers)
        together = self._steps * self._batch_size if self._runs is None else self._runs.rows
        together = min(together, n)
        begin = position // together * together
        while True:
            positions = np.arange(begin, min(begin + together, n))
            order = _order(self._key, epoch, positions, n, together, self._runs)
            slot = (epoch * n + positions) % self._batch_size
            own = (positions >= position) & (slot >= share.start) & (slot < share.stop)
            numbers = order[own]
            rows = self._numbers[numbers]
            given = None if self._rows.given is None else rows_of(self._rows.given, rows)
            weight = None if self._weight is None else self._weight[rows]
            of_rows: list[Any] = [rows_of(self._rows.x, rows), given, numbers, weight]
            yield Batch(*of_rows)
            position = begin = begin + together
            if begin >= n:
                epoch, position, begin = epoch + 1, 0, 0


def _cut(blocks: Iterator[Batch], size: int) -> Iterator[Batch]:
    """The rows of blocks of any size, `size` at a time. A block is no more than looked at: it may be large
    beside what is cut of it."""
    parts: list[Batch] = []
    lacking = size
    for block in blocks:
        begin, end = 0, len(block.numbers)
        while begin < end:
            taken = slice(begin, min(begin + lacking, end))
            parts.append(jax.tree.map(itemgetter(taken), block))
            begin, lacking = taken.stop, lacking - (taken.stop - begin)
            if lacking == 0:
                yield jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
                parts, lacking = [], size


def _order(
    key: np.ndarray, epoch: int, positions: np.ndarray, n: int, together: int, runs: Runs | None
) -> np.ndarray:
    """The numbers of the rows at these positions, computed on a processor whatever trains."""
    filled = np.zeros(together, np.int32)
    filled[: len(positions)] = positions
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        numbers = _ordered(key, np.int32(epoch), filled, np.int32(n), runs)
    return np.asarray(numbers)[: len(positions)]


@partial(jax.jit, static_argnames="runs")
def _ordered(key: Array, epoch: Array, positions: Array, n: Array, runs: Runs | None) -> Array:
    return jax.vmap(lambda position: ordered(as_key(key), epoch, position, n, runs))(positions)
