"""Activations by name: what a network keeps of one, so that it can be stored and pickled.

`jax.nn.relu` and `jnp.tanh` themselves cannot be: a network holds their names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
from jaxtyping import Array

__all__ = ["Activation", "activation_named", "name_of"]

Activation = str | Callable[[Array], Array]

_EXPECTED = (
    "expected a function of jax.nn or jax.numpy that takes an array to one of the same shape, or its name"
)


def name_of(activation: Activation, option: str = "activation") -> str:
    """The name of a function in `jax.nn` or `jax.numpy`; of a name itself, where there is such a function.

    **Raises:** `ValueError`, which begins with `option`, for what has no name there, and for a function that
    does not take an array to one of the same shape.

    >>> name_of(jnp.tanh), name_of(jax.nn.relu), name_of("swish")
    ('tanh', 'relu', 'swish')
    """
    name = activation if isinstance(activation, str) else getattr(activation, "__name__", "")
    found = _found(name)
    if found is None or not (isinstance(activation, str) or found is activation):
        raise ValueError(f"{option}: {_EXPECTED}, such as jnp.tanh or 'relu'; found {activation!r}")
    return name


def activation_named(name: str) -> Callable[[Array], Array]:
    """The function that a name of [`name_of`][] stands for.

    >>> activation_named("relu")(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    found = _found(name)
    if found is None:
        raise ValueError(f"activation: {_EXPECTED}; found {name!r}")
    return found


@cache
def _found(name: str) -> Callable[[Array], Array] | None:
    """The function of a name, which may come from a file, where it is one of arrays."""
    for module in (jax.nn, jnp):
        function = getattr(module, name, None)
        if callable(function) and not name.startswith("_"):
            try:
                shape = jax.eval_shape(function, jax.ShapeDtypeStruct((3,), jnp.float32))
            except Exception:  # a function of something else, which may refuse an array as it likes
                continue
            if (getattr(shape, "shape", None), getattr(shape, "dtype", None)) == ((3,), jnp.float32):
                return function
    return None
