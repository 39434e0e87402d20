"""Tokens as vectors."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float, Int

from lowerbound.networks.product import product

__all__ = ["embedded"]


def embedded(tokens: Int[Array, "*places"], E: Float[Array, "vocabulary n"]) -> Float[Array, "*places n"]:
    """E[x], the row of each token: as a product, whose gradient is one as well. Of −1 it is 0.

    >>> import jax.numpy as jnp
    >>> embedded(jnp.array([1, -1]), jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """
    return product(jax.nn.one_hot(tokens, len(E), dtype=E.dtype), E)
