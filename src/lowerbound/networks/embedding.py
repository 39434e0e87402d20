"""Tokens as vectors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from lowerbound.distributions.marks import END
from lowerbound.networks.product import product

__all__ = ["before_end", "embedded", "first_places"]


def embedded(tokens: Int[Array, "*places"], E: Float[Array, "vocabulary n"]) -> Float[Array, "*places n"]:
    """E[x], the row of each token: as a product, whose gradient is one as well. Of −1 it is 0.

    >>> import jax.numpy as jnp
    >>> embedded(jnp.array([1, -1]), jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """
    return product(jax.nn.one_hot(tokens, len(E), dtype=E.dtype), E)


def before_end(x: Float[Array, " length"]) -> Bool[Array, " length"]:
    """The places of a sequence before its end.

    >>> before_end(jnp.array([2, 1, 0, 0])).tolist()
    [True, True, False, False]
    """
    return jnp.cumsum(x == END) == 0


def first_places(name: str, places: Float[Array, "longest n"], length: int) -> Float[Array, "length n"]:
    """What a network called so has learned of each of the first places.

    **Raises:** `ValueError` where it knows fewer.
    """
    if length > len(places):
        raise ValueError(
            f"{name}: expected at most length={len(places)} tokens, found {length}; make it with "
            f"length={length}"
        )
    return places[:length]
