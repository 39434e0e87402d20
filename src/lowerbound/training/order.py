"""The order of the data: a pseudo-random permutation that is a function, not an array."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray, UInt

from lowerbound.randomness.keys import random_words

__all__ = ["Runs", "ordered", "shuffled"]

_ROUNDS = 6


class Runs(NamedTuple):
    """How rows that lie on a disk are mixed: in runs of `length` neighbours, `block` of them together. An
    epoch cuts the rows into runs, from a place of its own on, shuffles the runs, and then the rows of each
    block of runs among themselves: a disk is read in pieces, and a block is a sample from all over the
    file."""

    length: int
    block: int

    @property
    def rows(self) -> int:
        """The rows of a block."""
        return self.length * self.block


def ordered(
    key: PRNGKeyArray,
    epoch: Int[Array, ""],
    position: Int[Array, ""],
    n: Int[Array, ""],
    runs: Runs | None = None,
) -> Int[Array, ""]:
    """The row at `position` of `epoch`, or as far behind it, in the order that `key` gives: each epoch has
    every row once, shuffled as a whole, or by `runs`.

    >>> import jax, jax.numpy as jnp
    >>> by_runs = lambda i: ordered(jax.random.key(0), jnp.asarray(0), i, jnp.asarray(10), Runs(2, 2))
    >>> rows = jax.vmap(by_runs)(jnp.arange(20))
    >>> sorted(rows[:10].tolist()) == sorted(rows[10:].tolist()) == list(range(10))
    True
    """
    key, position = jax.random.fold_in(key, epoch + position // n), position % n
    return shuffled(key, position, n) if runs is None else _by_runs(key, position, n, runs)


def _by_runs(key: PRNGKeyArray, position: Int[Array, ""], n: Int[Array, ""], runs: Runs) -> Int[Array, ""]:
    of_runs, of_rows, of_start = jax.random.split(key, 3)
    block, in_block = position // runs.rows, position % runs.rows
    size = jnp.minimum(runs.rows, n - block * runs.rows)
    mixed = shuffled(jax.random.fold_in(of_rows, block), in_block, size)
    run, in_run = block * runs.block + mixed // runs.length, mixed % runs.length
    # The rows that make no whole run are the last of the epoch; which they are is another each time.
    whole = n // runs.length
    among = jnp.clip(run, 0, jnp.maximum(whole - 1, 0))  # behind the last a walk would not end
    shuffled_run = shuffled(of_runs, among, jnp.maximum(whole, 1))
    start, n = jax.random.bits(of_start) % n.astype(jnp.uint32), n.astype(jnp.uint32)
    row = start + (jnp.where(run < whole, shuffled_run, whole) * runs.length + in_run).astype(jnp.uint32)
    return (row % n).astype(jnp.int32)


def shuffled(key: PRNGKeyArray, position: Int[Array, ""], n: Int[Array, ""]) -> Int[Array, ""]:
    """Row at `position` of the epoch whose key is `key`: a bijection of 0 … n − 1.

    A Feistel network over pairs (l, r) of digits in base ⌈√n⌉, (l, r) ↦ (r, l + F(r)), walked until it
    falls below n (Black & Rogaway 2002). Nothing is stored and nothing sorted, so an epoch's order costs
    a batch a batch's work, a resumed run needs no array, and n is traced.

    >>> import jax, jax.numpy as jnp
    >>> order = jax.vmap(shuffled, (None, 0, None))(jax.random.key(0), jnp.arange(10), jnp.asarray(10))
    >>> sorted(order.tolist()) == list(range(10))
    True
    """
    side = jnp.ceil(jnp.sqrt(n.astype(jnp.float32))).astype(jnp.uint32)
    side = side + (side * side < n).astype(jnp.uint32)  # float32's root may fall short
    words = random_words(key, (_ROUNDS,))

    def permute(x: UInt[Array, ""]) -> UInt[Array, ""]:
        left, right = x % side, x // side
        for word in words:
            # A digit, as 16 bits of the hash times the base: a remainder would cost a division a round.
            digit = ((_mixed(right ^ word) >> 16) * side) >> 16
            total = left + digit
            left, right = right, jnp.where(total < side, total, total - side)
        return left + right * side

    outside = n.astype(jnp.uint32)
    first = permute(position.astype(jnp.uint32))
    return jax.lax.while_loop(lambda x: x >= outside, permute, first).astype(jnp.int32)


def _mixed(h: UInt[Array, ""]) -> UInt[Array, ""]:
    h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
    return h ^ (h >> 16)
