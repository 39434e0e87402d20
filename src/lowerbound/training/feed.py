"""The feed: batches of rows as a pure function of (seed, epoch, position)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from lowerbound.training.order import ordered

__all__ = ["Batch", "Block", "Feed", "WholeFeed", "Window"]


class Batch(eqx.Module):
    """The rows of one step.

    **Arguments:** `x`: the rows, (B, d), in their own type; `given`: the condition of each, (B, c), or
    `None`; `numbers`: the number of each among the rows that are trained on, from which, with the run's key
    and the step, its noise follows; `weight`: how much each counts, (B,), of a mean of 1 over all rows, or
    `None` where they count alike.
    """

    x: Shaped[Array, "B d"]
    given: Shaped[Array, "B c"] | None
    numbers: Int[Array, " B"]
    weight: Float[Array, " B"] | None = None


class Block(eqx.Module):
    """Rows on the device, in their own type: the first `n` of x, which is filled up to a size that few data
    sets do not share, with their conditions and weights, whose mean is 1, where there are some. A program is
    given a block as an argument, and so another one of the same size in its place."""

    x: Shaped[Array, "size d"]
    given: Shaped[Array, "size c"] | None
    n: Int[Array, ""]
    weight: Float[Array, " size"] | None = None

    def row(self, number: Int[Array, ""]) -> tuple[Array, Array | None]:
        """A row and its condition."""
        return self.x[number], None if self.given is None else self.given[number]


class Feed(eqx.Module):
    """What a compiled loop takes its batches from."""

    @abstractmethod
    def batch(self, key: PRNGKeyArray, epoch: Int[Array, ""], position: Int[Array, ""]) -> Batch:
        """The rows from `position` of `epoch` on, in the order that `key` gives."""

    @property
    @abstractmethod
    def shapes(self) -> Batch:
        """What a batch is like: shapes and types in place of its arrays."""


class WholeFeed(Feed):
    """The order in which training sees the rows of a block, which holds all of them.

    A batch is a pure function of (key, epoch, position). It runs on from the end of an epoch into the next
    one, so that there is no short batch and every epoch sees each row once.

    >>> import jax, jax.numpy as jnp
    >>> rows = Block(jnp.arange(10.0)[:, None], None, jnp.asarray(10))
    >>> feed = WholeFeed(rows, batch_size=5)
    >>> halves = [feed.batch(jax.random.key(0), jnp.asarray(0), jnp.asarray(place)) for place in (0, 5)]
    >>> sorted(int(number) for half in halves for number in half.numbers) == list(range(10))
    True
    """

    block: Block
    batch_size: int = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True, default=None)

    def batch(self, key: PRNGKeyArray, epoch: Int[Array, ""], position: Int[Array, ""]) -> Batch:
        places = position + jnp.arange(self.batch_size)
        numbers = jax.vmap(lambda place: ordered(key, epoch, place, self.block.n))(places)
        if self.mesh is not None:
            shared = NamedSharding(self.mesh, PartitionSpec("batch"))
            numbers = jax.lax.with_sharding_constraint(numbers, shared)
        weight = None if self.block.weight is None else self.block.weight[numbers]
        return Batch(*jax.vmap(self.block.row)(numbers), numbers, weight)

    @property
    def shapes(self) -> Batch:
        def taken(array: Array) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((self.batch_size, *array.shape[1:]), array.dtype)

        given, weight = (
            None if array is None else taken(array) for array in (self.block.given, self.block.weight)
        )
        numbers = jax.ShapeDtypeStruct((self.batch_size,), jnp.int32)
        fields: list[Any] = [taken(self.block.x), given, numbers, weight]
        return Batch(*fields)


class Window(Feed):
    """The batches of the next steps, read before they are needed, one after the other as they are seen.

    **Arguments:** `batches`: arrays with an axis of steps before that of rows; `epoch`, `position`: the place
    of the first; `n`: the rows of an epoch.
    """

    batches: Batch
    epoch: Int[Array, ""]
    position: Int[Array, ""]
    n: Int[Array, ""]

    def batch(self, key: PRNGKeyArray, epoch: Int[Array, ""], position: Int[Array, ""]) -> Batch:
        _, size = self.batches.numbers.shape
        step = ((epoch - self.epoch) * self.n + position - self.position) // size
        batch: Batch = jax.tree.map(
            lambda array: jax.lax.dynamic_index_in_dim(array, step, keepdims=False), self.batches
        )
        return batch

    @property
    def shapes(self) -> Batch:
        shapes: Batch = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), self.batches)
        return shapes
