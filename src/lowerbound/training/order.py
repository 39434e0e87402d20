"""The order of the data: a pseudo-random permutation that is a function, not an array."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray, UInt

from lowerbound.randomness.keys import random_words

__all__ = ["shuffled"]

_ROUNDS = 6


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
