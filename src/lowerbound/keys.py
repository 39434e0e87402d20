"""Randomness is an argument: where each key comes from.

In training a step's key is a function of (seed, step) and a row's of (step key, row). In inference a
row's key is a function of (seed, purpose, the row's own content), so that scoring a subset or a
permutation of rows gives each row the number that it had.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

__all__ = ["as_key", "content_hash", "content_key"]


def as_key(key: PRNGKeyArray | int) -> PRNGKeyArray:
    """A threefry key from a seed or from a key of any kind: other generators are not per row under
    `vmap`, where each row must have its own.

    >>> as_key(3) == jax.random.key(3)
    Array(True, dtype=bool)
    """
    if isinstance(key, (int, np.integer)):
        return jax.random.key(int(key), impl="threefry2x32")
    typed: PRNGKeyArray = jnp.asarray(key)
    if not jnp.issubdtype(typed.dtype, jax.dtypes.prng_key):
        typed = jax.random.wrap_key_data(typed, impl="threefry2x32")
    if str(jax.random.key_impl(typed)) == "threefry2x32":
        return typed
    bits = jax.random.bits(typed, (2,), jnp.uint32)
    return jax.random.wrap_key_data(bits, impl="threefry2x32")


# The purposes that a row's content is hashed for; one row has independent noise for each.
PURPOSES = ("transform", "posterior", "static binarization", "imputation")


def content_key(key: PRNGKeyArray, row: Array, purpose: str) -> PRNGKeyArray:
    """The key of `row` for `purpose`: `key` with the purpose and the row's content folded in.

    >>> import jax.numpy as jnp
    >>> a = content_key(as_key(0), jnp.array([0.0, 1.0]), "posterior")
    >>> b = content_key(as_key(0), jnp.array([-0.0, 1.0]), "posterior")
    >>> bool(a == b)
    True
    """
    key = jax.random.fold_in(key, PURPOSES.index(purpose))
    first, second = content_hash(row)
    return jax.random.fold_in(jax.random.fold_in(key, first), second)


def content_hash(row: Array) -> tuple[Array, Array]:
    """64 bits of a row's content, from its float32 bytes with −0 taken as 0, as two uint32.

    Each value is mixed with its place by an odd word and murmur3's finaliser, and the sum taken: without
    the finaliser 14 % of MNIST's rows collide, with it none.
    """
    value = jnp.ravel(row).astype(jnp.float32)
    value = jnp.where(value == 0, 0.0, value)  # x + 0 would be optimised away
    value = jnp.where(jnp.isnan(value), jnp.nan, value)  # a missing value has one form
    bits = jax.lax.bitcast_convert_type(value, jnp.uint32)
    place = jnp.arange(bits.size, dtype=jnp.uint32)

    def mixed(odd: int, offset: int) -> Array:
        return _murmur3_finalize(bits * jnp.uint32(odd) + place * jnp.uint32(offset)).sum()

    return mixed(0x9E3779B1, 0x85EBCA77), mixed(0xC2B2AE3D, 0x27D4EB2F)


def _murmur3_finalize(h: Array) -> Array:
    h = (h ^ (h >> 16)) * jnp.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * jnp.uint32(0xC2B2AE35)
    return h ^ (h >> 16)
