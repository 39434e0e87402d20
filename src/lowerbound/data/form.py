"""A tree as its arrays, which a compiled program is called with, and all else, by which it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from lowerbound.models.latent_model import LatentModel
from lowerbound.models.once import once_a_model

__all__ = ["Form", "divided"]


class Kind(NamedTuple):
    """What a program knows of an array. Keys go as their words, and `generator` is what makes keys of those:
    so a program can be written to a file, where no file has a form for keys of another generator than JAX's.
    """

    shape: tuple[int, ...]
    dtype: Any
    generator: Any = None

    @staticmethod
    def of(array: Any) -> tuple[Any, Kind]:
        """An array as it goes, and its kind."""
        if isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
            return _words(array)
        return array, Kind(array.shape, array.dtype)

    def restored(self, array: Any) -> Any:
        """The array that went as this one."""
        if self.generator is None:
            return array
        return jax.random.wrap_key_data(array, impl=self.generator)


@once_a_model  # a key does not change either, and that of a seed comes with every call
def _words(key: Array) -> tuple[Array, Kind]:
    words = jax.random.key_data(key)
    return words, Kind(words.shape, words.dtype, jax.random.key_impl(key))


@dataclass(frozen=True)
class Form:
    """All of a tree but its arrays' numbers: its structure and, in the places of its leaves, the kind of an
    array, the form of a model, and anything else as it is. It is hashed once."""

    structure: Any
    leaves: tuple[Any, ...]

    @cached_property
    def _hash(self) -> int:
        return hash((self.structure, self.leaves))

    def __hash__(self) -> int:
        return self._hash

    def with_arrays(self, arrays: Iterable[Array]) -> PyTree:
        """The tree with these in the places of its arrays, one after the other."""
        return self._filled(iter(arrays))

    def _filled(self, arrays: Iterator[Array]) -> PyTree:
        def filled(leaf: Any) -> Any:
            if isinstance(leaf, Kind):
                return leaf.restored(next(arrays))
            return leaf._filled(arrays) if isinstance(leaf, Form) else leaf

        return jax.tree.unflatten(self.structure, map(filled, self.leaves))


def divided(tree: PyTree) -> tuple[list[Any], Form]:
    """The arrays of a tree, of keys their words, and its form. Of a model in it both are found once, and its
    arrays moved to the device: those of one that was read from a file are in NumPy's memory, from where each
    call would copy them.

    >>> arrays, form = divided({"key": np.arange(2), "name": "a"})
    >>> [array.tolist() for array in arrays], form.with_arrays([3])
    ([[0, 1]], {'key': 3, 'name': 'a'})
    """
    return _divided(*jax.tree.flatten(tree, is_leaf=_is_model))


def _divided(leaves: list[Any], structure: Any) -> tuple[list[Any], Form]:
    arrays: list[Any] = []
    forms: list[Any] = []
    for leaf in leaves:
        own: list[Any]
        form: Any
        if isinstance(leaf, jax.Array | np.ndarray | np.generic):
            array, form = Kind.of(leaf)
            own = [array]
        elif _is_model(leaf):
            own, form = _of_model(leaf)
        else:
            own, form = [], leaf
        arrays += own
        forms.append(form)
    return arrays, Form(structure, tuple(forms))


@once_a_model
def _of_model(model: LatentModel) -> tuple[list[Array], Form]:
    arrays, form = _divided(*jax.tree.flatten(model))
    return [jnp.asarray(array) for array in arrays], form


def _is_model(part: Any) -> bool:
    return isinstance(part, LatentModel)
