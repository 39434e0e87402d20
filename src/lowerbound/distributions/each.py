"""Draws of what draws one at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
from jaxtyping import Array, PRNGKeyArray

__all__ = ["each_drawn"]


def each_drawn(
    one: Callable[[PRNGKeyArray], Array], key: PRNGKeyArray, sample_shape: tuple[int, ...]
) -> Array:
    """Draws of the shape `sample_shape`, each by `one` with a key of its own; without a shape `one(key)`.

    >>> each_drawn(jax.random.normal, jax.random.key(0), (2, 3)).shape
    (2, 3)
    """
    if not sample_shape:
        return one(key)
    drawn = jax.vmap(one)(jax.random.split(key, math.prod(sample_shape)))
    return drawn.reshape(*sample_shape, *drawn.shape[1:])
